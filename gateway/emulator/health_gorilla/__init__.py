"""Emulator of Health Gorilla's FHIR API."""
