"""`make demo`: emulator and gateway side by side, seen through a real FHIR client."""
