"""HTTP edge of the gateway: ASGI requests to FhirRequest, responses to ASGI messages, and pages."""
