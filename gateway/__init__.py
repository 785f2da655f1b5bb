"""A FHIR-facing reverse proxy for the Halo Connect FHIR API."""
