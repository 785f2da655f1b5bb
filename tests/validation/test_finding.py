from gateway.validation.finding import Finding, ValidationResult

WRONG = Finding("Patient.gender", "code-invalid", "is none of the codes of R4")
UNCHECKED = Finding("MedicinalProduct", "informational", "is not checked", "information")


def test_what_is_not_checked_is_no_error() -> None:
    assert ValidationResult((UNCHECKED, WRONG)).errors == (WRONG,)


def test_errors_beyond_the_list_count_too() -> None:
    assert ValidationResult((UNCHECKED, WRONG), 3).error_count == 4
    assert ValidationResult((UNCHECKED,)).error_count == 0
