"""R4 validation of JSON: finds what is wrong in a resource or Bundle, by element path, and repeats no value.

Stands alone, so that the gateway, its command line and the emulator may all use it. The R4B models of
fhir.resources are its definitions; they are imported with the first judgement, not with this package.
"""
