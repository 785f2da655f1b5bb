"""Names of callers."""

from gateway.http.callers import CallerNames


def test_name_is_remembered_or_the_beginning_of_the_fingerprint() -> None:
    callers = CallerNames()
    callers.remember("0123456789abcdef", "diary")
    assert callers.name_of("0123456789abcdef") == "diary"
    assert callers.name_of("fedcba9876543210") == "fedcba98"


def test_least_recently_used_name_is_dropped() -> None:
    callers = CallerNames()
    for number in range(1_001):
        callers.remember(f"{number:016d}", "other")
        callers.remember(f"{1:016d}", "diary")
    assert callers.name_of(f"{0:016d}") == "00000000"
    assert callers.name_of(f"{1:016d}") == "diary"
