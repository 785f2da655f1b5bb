from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir.search_params import Parameter, encode_parameter, parse_search

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.lists(st.from_regex(r"[A-Za-z_:.%+=,|$0-9-]{0,20}", fullmatch=True)))
def test_an_unchanged_search_is_printed_character_for_character(chunks: list[str]) -> None:
    query = "&".join(chunk for chunk in chunks if chunk)
    assert parse_search(query).query == query


@given(TEXT.filter(bool), TEXT)
def test_a_parameter_we_write_is_read_back_the_same(name: str, value: str) -> None:
    written = encode_parameter(name, value)
    assert parse_search(written.raw).parameters == (Parameter(name, value, written.raw),)


def test_url_and_form_stay_apart_and_count_together() -> None:
    both = parse_search("name=a&name=b", "name=c")
    assert both.values("name") == ("a", "b", "c")
    assert (both.query, both.form) == ("name=a&name=b", "name=c")
    assert both.as_get().query == "name=a&name=b&name=c"


def test_the_very_same_search_comes_back_when_nothing_changes() -> None:
    given_search = parse_search("a=1&b=2")
    assert given_search.without_parameters("c") is given_search
    assert given_search.with_parameters(()) is given_search
    assert given_search.as_get() is given_search
    assert given_search.without_parameters("a").query == "b=2"


def test_a_modifier_is_no_part_of_the_code() -> None:
    assert parse_search("_include:iterate=A:b").parameters[0].code == "_include"


def test_a_plus_in_a_form_is_a_space_and_an_encoded_plus_is_a_plus() -> None:
    assert [each.value for each in parse_search("a=1+2&a=1%2B2").parameters] == ["1 2", "1+2"]


def test_a_replaced_value_keeps_its_place() -> None:
    changed = parse_search("", "date=2024").map_parameters(lambda each: (each.with_value("ge2024-01-01"),))
    assert (changed.query, changed.form) == ("", "date=ge2024-01-01")
