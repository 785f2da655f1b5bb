"""R4 validation of JSON: finds errors in a resource or Bundle, by element path, and repeats no value.

It depends on no other part, so that the gateway, its command line and the emulator may all use it. The R4B
models of fhir.resources are its definitions; the first validation imports them, not this package.
"""
