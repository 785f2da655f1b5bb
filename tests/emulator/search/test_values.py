from typing import Any

import pytest

from gateway.emulator.search.values import (
    local_reference,
    reference_matches,
    string_matches,
    token_matches,
    tokens_in,
)


@pytest.mark.parametrize(
    ("value", "search_value", "modifier", "expected"),
    [
        ("Müller", "mull", "", True),
        ("Müller", "ller", "", False),
        ("Müller", "LLE", "contains", True),
        ("Müller", "Müller", "exact", True),
        ("Müller", "muller", "exact", False),
        ("Straße", "STRASSE", "", True),
    ],
)
def test_string_match_ignores_case_and_accents(
    value: str, search_value: str, modifier: str, expected: bool
) -> None:
    assert string_matches(value, search_value, modifier) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, [(None, "true", "")]),
        ("female", [(None, "female", "")]),
        ({"system": "phone", "value": "0491"}, [("phone", "0491", "")]),
        ({"system": "s", "code": "c", "display": "Shown"}, [("s", "c", "Shown")]),
        (
            {"coding": [{"system": "s", "code": "c"}, {"code": "d"}], "text": "T"},
            [("s", "c", ""), ("", "d", ""), ("", "", "T")],
        ),
        ({"text": "only words"}, [("", "", "only words")]),
    ],
)
def test_coded_types_have_tokens(value: Any, expected: list[Any]) -> None:
    assert list(tokens_in(value)) == expected


@pytest.mark.parametrize(
    ("token", "search_value", "modifier", "expected"),
    [
        (("s", "c", ""), "c", "", True),
        (("s", "c", ""), "s|c", "", True),
        (("s", "c", ""), "t|c", "", False),
        (("s", "c", ""), "s|", "", True),
        (("s", "c", ""), "t|", "", False),
        (("s", "c", ""), "|c", "", False),
        (("", "c", ""), "|c", "", True),
        ((None, "c", ""), "any|c", "", True),
        (("s", "C", ""), "s|c", "", False),
        (("http://a|b", "c", ""), "http://a|b|c", "", True),
        (("", "", "Rash"), "", "", False),
        (("", "", "Rash"), "ra", "text", True),
    ],
)
def test_token_matches_system_and_code(token: Any, search_value: str, modifier: str, expected: bool) -> None:
    assert token_matches(token, search_value, modifier) is expected


@pytest.mark.parametrize(
    ("search_value", "modifier", "expected"),
    [
        ("Patient/1", "", True),
        ("1", "", True),
        ("1", "Patient", True),
        ("1", "Practitioner", False),
        ("https://host/integrator/sites/x/fhir/R4/Patient/1", "", True),
        ("https://host/fhir/Patient/1/_history/3", "", True),
        ("Patient/11", "", False),
        ("11", "", False),
        ("Practitioner/1", "", False),
    ],
)
def test_reference_match_accepts_all_forms(search_value: str, modifier: str, expected: bool) -> None:
    assert reference_matches("Patient/1", search_value, modifier) is expected


def test_reference_by_identifier_has_no_local_form() -> None:
    assert not local_reference({"identifier": {"value": "x"}})
