from gateway.validation.finding import Finding, ValidationResult

ERROR = Finding("Patient.gender", "code-invalid", "is none of the codes of R4")
UNCHECKED = Finding("MedicinalProduct", "informational", "is not checked", "information")


def test_unchecked_part_is_no_error() -> None:
    assert ValidationResult((UNCHECKED, ERROR)).errors == (ERROR,)


def test_error_count_includes_unlisted_errors() -> None:
    assert ValidationResult((UNCHECKED, ERROR), 3).error_count == 4
    assert ValidationResult((UNCHECKED,)).error_count == 0
