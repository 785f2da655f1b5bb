"""The latest failure of each code."""

from dataclasses import replace

from gateway.errors import catalog
from gateway.ledger.recent_failures import MAX_CODES, RecentFailures


def test_code_has_its_number_and_its_last_failure() -> None:
    failures = RecentFailures()
    failures.add(catalog.BAD_REQUEST, 1.0, "harbour", "a")
    failures.add(catalog.UNKNOWN_PATH, 2.0, "harbour", "b")
    failures.add(catalog.BAD_REQUEST, 3.0, "hills", "c")
    first, second = failures.latest_first()
    assert (first.kind, first.count, first.at) == (catalog.BAD_REQUEST, 2, 3.0)
    assert (first.site, first.request_id) == ("hills", "c")
    assert (second.kind.code, second.count) == ("unknown-path", 1)


def test_number_of_codes_is_bounded_and_the_oldest_goes() -> None:
    failures = RecentFailures()
    for number in range(MAX_CODES + 1):
        failures.add(replace(catalog.BAD_REQUEST, code=f"code-{number}"), number, "", "")
    codes = [failure.kind.code for failure in failures.latest_first()]
    assert (len(codes), codes[0], codes[-1]) == (MAX_CODES, f"code-{MAX_CODES}", "code-1")
