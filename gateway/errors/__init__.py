"""Failure type, catalogue of failure kinds, redaction and OperationOutcome."""
