"""The one failure type, the catalogue of failure kinds, and the OperationOutcome."""
