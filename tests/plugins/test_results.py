"""Checks of results: each part that a facet may change has its type, and agrees with the others."""

from typing import Any

import pytest
from msgspec import Raw
from support.requests import fhir_request

from gateway.fhir.bundle import Entry, Link
from gateway.fhir.interaction import NOT_FHIR, Interaction, interaction_for
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.search_params import Parameter, SearchParams, parse_search
from gateway.plugins import results

SEARCH = fhir_request("Patient/_search", method="POST", form="family=Zzyzx", headers=(("a", "b"),))
READ = interaction_for("GET", "Slot/1")


def request_problem(**changes: Any) -> str:
    return results.request_problem(SEARCH, SEARCH.replace(**changes), frozenset())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"body": "text"}, "returned str for body"),
        ({"body": b"family=Other"}, "changed the body of a search"),
        ({"interaction": None}, "returned NoneType for interaction"),
        ({"upstream_search": "a=b"}, "returned str for upstream_search"),
        ({"headers": [("a", "b")]}, "returned list for headers"),
        ({"path": None}, "returned NoneType for path"),
        ({"path": "Patient"}, "changed whether the request writes"),
        ({"path": "Patient/1"}, "so that they do not agree"),
        ({"path": "Slot/\n"}, "outside the base"),
        ({"interaction": READ}, "do not agree"),
        ({"interaction": Interaction("operation", only_reads=True)}, "do not agree"),
        ({"headers": (("content-length", "0"),)}, "changed the header content-length"),
        ({"headers": (("a b", "c"),)}, "malformed headers"),
        ({"upstream_search": SearchParams([])}, "returned list for the parameters"),
    ],
)
def test_parts_of_a_request_have_their_types(changes: dict[str, Any], problem: str) -> None:
    assert problem in request_problem(**changes)


def test_path_and_interaction_may_change_together() -> None:
    old = fhir_request("Slot", "_id=1")
    new = old.replace(path="Slot/1", interaction=READ, upstream_search=SearchParams())
    assert results.request_problem(old, new, frozenset()) == ""
    other = fhir_request("Slot").replace(interaction=NOT_FHIR, path="token")
    assert results.request_problem(other, other.replace(path="tokens"), frozenset()) == ""
    assert "interaction" in results.request_problem(other, other.replace(interaction=READ), frozenset())


@pytest.mark.parametrize(
    "parameter",
    [
        Parameter("a", "1", "b=2"),
        Parameter("a", "1", "a=1&b=2"),
        Parameter("a", "1 2", "a=1 2"),
        Parameter("a", "1#", "a=1#"),
        Parameter("a", "é", "a=é"),
        Parameter("a", "1\r\n", "a=1\r\n"),
        Parameter("a", "1", "a=1", "body"),  # type: ignore[arg-type]
        Parameter("a", None, "a=1"),  # type: ignore[arg-type]
        ("a", "1"),
    ],
)
def test_parameter_says_the_same_to_cache_and_upstream(parameter: Any) -> None:
    new = SearchParams((*SEARCH.upstream_search.parameters, parameter))
    assert "whose raw text is not" in request_problem(upstream_search=new)


@pytest.mark.parametrize(
    "query", ["a=1", "a:exact=x%20y&b=2,3", "_id=a%7Cb&c=d|e", "d=ge2026-01-01T00:00:00+10:00", "a"]
)
def test_search_may_be_any_that_a_url_contains(query: str) -> None:
    assert request_problem(upstream_search=parse_search(query, "b=é%20")) != ""
    assert request_problem(upstream_search=parse_search(query, "b=%C3%A9")) == ""


@pytest.mark.parametrize(
    "field",
    [
        *((name, "x") for name in ("content-length", "Transfer-Encoding", "connection", "set-cookie")),
        *((name, "x") for name in ("", "a b", "a:", "é", "a\r\n")),
        *(("x-a", value) for value in ("a\r\nb: c", "\x00", "é", None, 5)),
        (None, "x"),
        ("a",),
        "ab",
        ["a", "b"],
    ],
)  # fmt: skip
def test_header_is_a_token_with_a_plain_value(field: Any) -> None:
    def problem() -> str:
        try:
            return results.headers_problem((), (field,))
        except TypeError as error:
            return str(error)

    assert problem() != ""


def test_other_headers_may_change() -> None:
    old = (("content-encoding", "gzip"), ("x-é", "as it came"))
    assert results.headers_problem(old, (*old, ("Cache-Control", "no-store"))) == ""
    assert "content-encoding" in results.headers_problem(old, ())


@pytest.mark.parametrize("value", [b"not JSON", b"", b'{"a":1', b"1 2", b'"\xff"'])
def test_new_field_is_json(value: bytes) -> None:
    with pytest.raises(UnreadableError):
        results.fields_problem({}, {"meta": Raw(value)})
    with pytest.raises(UnreadableError):
        results.entry_problem(Entry({}), Entry({"fullUrl": Raw(value)}))


@pytest.mark.parametrize("fields", [{"meta": {"a": 1}}, {1: Raw(b"1")}, [], None])
def test_fields_are_raw_values_by_name(fields: Any) -> None:
    assert "returned" in results.fields_problem({}, fields)
    assert "returned" in results.entry_problem(Entry({}), Entry(fields))
    assert "returned" in results.links_problem((Link("a", "b", {}),), (Link("a", "b", fields),))


def test_link_has_a_url() -> None:
    assert results.links_problem((Link("a", "b", {}),), (Link("a", None, {}),)) != ""  # type: ignore[arg-type]
    assert results.links_problem((Link("a", "b", {}),), (Link("a", "c", {}),)) == ""
