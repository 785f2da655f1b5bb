"""Emulator of the Halo Connect FHIR API with its documented faults. It imports only `gateway.validation`."""
