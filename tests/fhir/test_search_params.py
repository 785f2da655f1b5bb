"""Search parameters: parsing and writing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir.search_params import (
    NO_PARAMETERS,
    Parameter,
    encode_parameter,
    parse_search,
    parse_whole_query,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.lists(st.from_regex(r"[A-Za-z_:.%+=,|$0-9-]{0,20}", fullmatch=True)))
def test_unchanged_search_is_written_as_received(chunks: list[str]) -> None:
    query = "&".join(chunk for chunk in chunks if chunk)
    assert parse_search(query).query == query


@given(TEXT.filter(bool), TEXT)
def test_encoded_parameter_is_parsed_back(name: str, value: str) -> None:
    encoded = encode_parameter(name, value)
    assert parse_search(encoded.raw).parameters == (Parameter(name, value, encoded.raw),)


def test_url_and_form_parameters_stay_separate() -> None:
    search = parse_search("name=a&name=b", "name=c")
    assert search.values("name") == ("a", "b", "c")
    assert (search.query, search.form) == ("name=a&name=b", "name=c")
    assert search.as_get().query == "name=a&name=b&name=c"


def test_unchanged_search_is_same_object() -> None:
    search = parse_search("a=1&b=2")
    assert search.without_parameters("c") is search
    assert search.with_parameters(()) is search
    assert search.as_get() is search
    assert search.without_parameters("a").query == "b=2"


def test_code_excludes_modifier() -> None:
    assert parse_search("_include:iterate=A:b").parameters[0].code == "_include"


def test_plus_is_space_unless_encoded() -> None:
    assert [parameter.value for parameter in parse_search("a=1+2&a=1%2B2").parameters] == ["1 2", "1+2"]


def test_replaced_value_keeps_its_place() -> None:
    changed = parse_search("", "date=2024").map_parameters(lambda item: (item.with_value("ge2024-01-01"),))
    assert (changed.query, changed.form) == ("", "date=ge2024-01-01")


def test_values_are_grouped_by_name_in_order() -> None:
    search = parse_search("b=1&a=2&b=3", "a=4")
    assert list(search.values_by_name.items()) == [("b", ("1", "3")), ("a", ("2", "4"))]
    assert (search.values("b"), search.values("c")) == (("1", "3"), ())


@pytest.mark.parametrize(
    ("query", "form", "expected"),
    [
        ("_summary=count", "", True),
        ("_count=0", "", True),
        ("_count=00", "", True),
        ("name=a", "_summary=count", True),
        ("_summary=count", "_summary=true", False),
        ("_count=10&_summary=true", "", False),
        ("_count=", "", False),
        ("", "", False),
    ],
)
def test_count_asks_for_the_number_of_matches_only(query: str, form: str, expected: bool) -> None:
    assert parse_search(query, form).is_count is expected


@given(st.text(max_size=40))
def test_whole_query_is_written_as_received(query: str) -> None:
    assert parse_whole_query(query).query == query


def test_whole_query_has_the_same_values() -> None:
    assert parse_whole_query("a=1&&b=%20&").values_by_name == {"a": ("1",), "": ("", ""), "b": (" ",)}
    assert parse_whole_query("") is NO_PARAMETERS
