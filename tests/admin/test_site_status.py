from gateway.admin.site_status import Callers


def test_a_caller_shows_under_its_name_or_the_beginning_of_its_hash() -> None:
    callers = Callers()
    callers.note("0123456789abcdef", "diary")
    assert callers.name("0123456789abcdef") == "diary"
    assert callers.name("fedcba9876543210") == "fedcba98"


def test_names_are_forgotten_when_there_are_too_many() -> None:
    callers = Callers()
    for number in range(1_001):
        callers.note(f"{number:016d}", "some")
        callers.note(f"{1:016d}", "one")
    assert callers.name(f"{0:016d}") == "00000000"
    assert callers.name(f"{1:016d}") == "one"
