"""FHIR reverse proxy in front of the Halo Connect FHIR API."""
