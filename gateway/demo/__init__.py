"""`make demo`: a tour of the repairs with a real FHIR client."""
