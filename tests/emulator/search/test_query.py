import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.search.query import ParsedSearch, parse_criterion, parse_search, split_values
from gateway.emulator.search.refusal import Refusal

escapes = str.maketrans({character: f"\\{character}" for character in "\\,|$"})


@given(st.lists(st.text(min_size=1), max_size=5))
def test_split_values_reverses_escaping(values: list[str]) -> None:
    text = ",".join(value.translate(escapes) for value in values)
    assert split_values(text) == tuple(values)


def test_empty_values_are_dropped() -> None:
    assert split_values(",a,,b,") == ("a", "b")


def test_search_is_parsed_into_criteria_and_result_parameters() -> None:
    search = parse_search(
        "Patient",
        [
            ("name", "smith"),
            ("birthdate", "ge1980-01-01"),
            ("colour", "blue"),
            ("gender", ""),
            ("_include", "Patient:organization"),
            ("_revinclude:iterate", "Condition:patient"),
            ("_sort", "-birthdate,_id"),
            ("_count", "5000"),
            ("_elements", "name,birthDate"),
            ("_summary", "data"),
            ("_total", "none"),
            ("_format", "json"),
        ],
    )
    assert [criterion.parameter.code for criterion in search.criteria] == ["name", "birthdate"]
    assert search.ignored_names == ["colour"]
    assert ("colour", "blue") not in search.used_pairs
    assert ("gender", "") not in search.used_pairs
    assert len(search.includes) == 2
    assert [(key.code, descending) for key, descending in search.sort] == [
        ("birthdate", True),
        ("_id", False),
    ]
    assert (search.count, search.elements) == (1000, ("name", "birthDate"))
    assert (search.summary, search.total) == ("data", "none")


def test_default_count_is_20() -> None:
    assert ParsedSearch("Patient").count == 20


@pytest.mark.parametrize("count", ["-1", "many", "1.5"])
def test_invalid_count_is_refused(count: str) -> None:
    with pytest.raises(Refusal, match="_count"):
        parse_search("Patient", [("_count", count)])


@pytest.mark.parametrize("name", ["birthdate:exact", "name:below", "gender:contains", "organization:Slots"])
def test_unsupported_modifier_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="modifier"):
        parse_criterion("Patient", name, "x")


@pytest.mark.parametrize(
    "pair",
    [
        ("nothing", "x"),
        ("patient.nothing", "x"),
        ("_has:Condition:patient:nothing", "x"),
        ("_has:Condition:recorder:code", "x"),
        ("_has:Condition", "x"),
        ("_include", "Appointment:nothing"),
        ("_include", "nonsense"),
        ("_sort", "nothing"),
    ],
)
def test_unknown_parameter_is_in_ignored_names(pair: tuple[str, str]) -> None:
    assert parse_search("Slot" if pair[0].startswith("_has") else "Appointment", [pair]).ignored_names == [
        pair[0]
    ]


def test_chain_and_has_are_parsed() -> None:
    chain = parse_criterion("Appointment", "patient:Patient.name", "smith")
    assert chain
    assert chain.inner
    assert (chain.base, chain.inner.base, chain.inner.parameter.code) == ("Appointment", "Patient", "name")
    has = parse_criterion("Patient", "_has:Condition:patient:code", "44054006")
    assert has
    assert has.inner
    assert (has.base, has.is_reverse, has.inner.base) == ("Patient", True, "Condition")
