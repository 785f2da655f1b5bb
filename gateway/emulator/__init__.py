"""A stand-in for the Halo Connect FHIR API, with its documented faults. Imports nothing of the gateway."""
