"""FHIR data structures: Bundles, searches and interactions, without policy."""
