"""Preferences of a request."""

import pytest
from support.requests import fhir_request

from gateway.http.preferences import (
    accepts_asynchronous_response,
    preferred_wait,
    requires_strict_handling,
)


@pytest.mark.parametrize(
    ("prefer", "strict", "asynchronous"),
    [
        ("", False, False),
        ("handling=strict", True, False),
        ("return=minimal, Handling = Strict", True, False),
        ('handling="strict", respond-async', True, True),
        ("handling=lenient", False, False),
        ('foo="handling=strict, respond-async"', False, False),
        ("handling=strictly, not-respond-async", False, False),
        ("respond-async; x=1, handling=strict;y", True, True),
    ],
)
def test_preferences_are_read_from_any_spelling(prefer: str, strict: bool, asynchronous: bool) -> None:
    request = fhir_request(headers=(("prefer", prefer),))
    assert requires_strict_handling(request) is strict
    assert accepts_asynchronous_response(request) is asynchronous


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ((), None),
        (("respond-async",), None),
        (("wait=3",), 3),
        (("return=minimal, Wait = 30; x=1",), 30),
        (('wait="7"',), 7),
        (("respond-async", "wait=5"), 5),
        (("wait=2, wait=9",), 2),
        (("wait=x, wait=9",), None),
        (("wait=-1",), None),
        (("wait",), None),
        (("wait=²",), None),
        (("wait=1234567890",), 123_456_789),
        (("wait=0000000000005",), 5),
        (("wait=0",), 0),
        (('foo="a,wait=9", wait=1',), 1),
        (('foo="a;\\",wait=9", wait=1',), 1),
        (('foo="a,wait=9',), None),
        (('foo; x="y,wait=9"; z=1, wait=1',), 1),
        (('wait="9',), None),
        (("wait=1 2",), None),
        (("wait=" + "9" * 100_000,), 999_999_999),
        (('"' * 50_000 + "," * 50_000 + "wait=4",), 4),
        (("await=1",), None),
    ],
)
def test_first_preferred_wait_counts(fields: tuple[str, ...], seconds: int | None) -> None:
    headers = tuple(("prefer", value) for value in fields)
    assert preferred_wait(fhir_request(headers=headers)) == seconds
