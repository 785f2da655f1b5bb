from gateway.validation.finding import Finding, Verdict

WRONG = Finding("Patient.gender", "code-invalid", "is none of the codes of R4")
UNCHECKED = Finding("MedicinalProduct", "informational", "is not checked", "information")


def test_what_is_not_checked_is_no_error() -> None:
    assert Verdict((UNCHECKED, WRONG)).errors == (WRONG,)


def test_errors_beyond_the_list_count_too() -> None:
    assert Verdict((UNCHECKED, WRONG), 3).total == 4
    assert Verdict((UNCHECKED,)).total == 0
