from gateway.http.callers import CallerNames


def test_a_caller_shows_under_its_name_or_the_beginning_of_its_hash() -> None:
    callers = CallerNames()
    callers.remember("0123456789abcdef", "diary")
    assert callers.name_of("0123456789abcdef") == "diary"
    assert callers.name_of("fedcba9876543210") == "fedcba98"


def test_names_are_forgotten_when_there_are_too_many() -> None:
    callers = CallerNames()
    for number in range(1_001):
        callers.remember(f"{number:016d}", "some")
        callers.remember(f"{1:016d}", "one")
    assert callers.name_of(f"{0:016d}") == "00000000"
    assert callers.name_of(f"{1:016d}") == "one"
