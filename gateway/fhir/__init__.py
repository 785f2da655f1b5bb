"""FHIR data structures: Bundles, searches and interactions. No policy."""
