"""Preferences of a request."""

import pytest
from support.requests import fhir_request

from gateway.http.preferences import accepts_asynchronous_response, requires_strict_handling


@pytest.mark.parametrize(
    ("prefer", "strict", "asynchronous"),
    [
        ("", False, False),
        ("handling=strict", True, False),
        ("return=minimal, Handling = Strict", True, False),
        ('handling="strict", respond-async', True, True),
        ("handling=lenient", False, False),
    ],
)
def test_preferences_are_read_from_any_spelling(prefer: str, strict: bool, asynchronous: bool) -> None:
    request = fhir_request(headers=(("prefer", prefer),))
    assert requires_strict_handling(request) is strict
    assert accepts_asynchronous_response(request) is asynchronous
