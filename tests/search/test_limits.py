"""Limits of a search: each is refused by name, and what is within them is parsed."""

import pytest

from gateway.dates.registry import declared_parameter
from gateway.errors.failure import Failure
from gateway.fhir.search_params import parse_search
from gateway.search.limits import (
    DEFAULT_LIMITS,
    SearchLimits,
    parse_limited_search,
    require_few_dates,
    require_few_parameters,
)

SMALL = SearchLimits(
    max_parameters=3,
    max_length=200,
    max_name_length=40,
    max_chain_depth=2,
    max_list_values=4,
    max_date_values=5,
)


def refusal(query: str, form: str = "", resource: str = "Appointment", place: str = "") -> str:
    with pytest.raises(Failure) as raised:
        parse_limited_search(SMALL, query, form, resource=resource, place=place)
    assert (raised.value.kind.code, raised.value.kind.status) == ("search-limit", 400)
    assert not raised.value.kind.may_have_run
    return raised.value.text


@pytest.mark.parametrize(
    ("query", "form", "setting", "part"),
    [
        ("a&b&c&d", "", "max_parameters", "in URL and form"),
        ("a&b&c", "d&e", "max_parameters", "in URL and form"),
        ("a=" + "x" * 199, "", "max_length", "in URL and form"),
        ("a=x", "b=" + "x" * 200, "max_length", "in URL and form"),
        ("a&" + "x" * 41, "", "max_name_length", "parameter 2 in the URL"),
        ("a", "x" * 41, "max_name_length", "parameter 2 in the form"),
        ("a.b.c.d=1", "", "max_chain_depth", "parameter 1"),
        ("_has:A:b:" * 3 + "c=1", "", "max_chain_depth", "parameter 1"),
        ("_has:A:b:c.d.e=1", "", "max_chain_depth", "parameter 1"),
        ("_id=1,2,3,4,5", "", "max_list_values", "Parameter 1 in the URL"),
        ("_id=1%2c2%2C3,4,5", "", "max_list_values", "Parameter 1 in the URL"),
        ("date=2026,2027,2028&date=2026,2027,2028&x", "", "max_date_values", "5 date values"),
        ("patient.birthdate=2026,2027,2028&date=2026,2027,2028", "", "max_date_values", "5 date values"),
    ],
)
def test_refusal_names_setting_and_part(query: str, form: str, setting: str, part: str) -> None:
    text = refusal(query, form)
    assert f"search.{setting}" in text
    assert part in text


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("", ""),
        ("a&b&c", ""),
        ("a", "b&c"),
        ("a=" + "x" * 198, ""),
        ("x" * 40 + "=1", ""),
        ("a.b.c=1", ""),
        ("_has:A:b:_has:A:b:c=1", ""),
        ("_id=1,2,3,4", ""),
        ("date=2026,2027,2028&date=2026,2027", ""),
    ],
)
def test_search_at_its_limits_is_parsed(query: str, form: str) -> None:
    search = parse_limited_search(SMALL, query, form, resource="Appointment")
    assert search == parse_search(query, form)


def test_refusal_repeats_neither_name_nor_value() -> None:
    for query in ("Zzyzx" * 10 + "=1", "Zzyzx.a.b.c=1", "Zzyzx=Zzyzx,2,3,4,5"):
        assert "Zzyzx" not in refusal(query)


def test_refusal_names_another_place() -> None:
    assert "parameter 1 in If-None-Exist" in refusal("a.b.c.d=1", place="If-None-Exist")
    assert "in If-None-Exist" in refusal("a&b&c&d", place="If-None-Exist")


def test_value_of_untyped_chain_counts_once_for_each_type() -> None:
    refusal("focus._lastUpdated=2026", resource="Observation")
    parse_limited_search(SMALL, "focus:Patient._lastUpdated=2026", resource="Observation")


def test_date_with_many_decimals_counts_as_several() -> None:
    date = f"date=2026-05-04T10:00:00.{'7' * 220}"
    with pytest.raises(Failure, match="search-limit"):
        parse_limited_search(SMALL._replace(max_length=1_000), date, resource="Appointment")


def test_declared_dates_count() -> None:
    declared = {("Appointment", "visit"): declared_parameter("Appointment", "visit")}
    parameters = parse_search("visit=2026,2027").parameters
    require_few_dates(1, "Appointment", parameters)
    with pytest.raises(Failure):
        require_few_dates(1, "Appointment", parameters, declared)


def test_parameters_that_are_passed_through_are_only_counted() -> None:
    require_few_parameters(SMALL, "a.b.c.d.e=1,2,3,4,5,6")
    with pytest.raises(Failure):
        require_few_parameters(SMALL, "a&b&c&d")


def test_real_clients_stay_within_the_defaults() -> None:
    ids = ",".join(f"{number:064}" for number in range(1_000))
    many = "&".join(f"identifier=urn:example|{number}" for number in range(199))
    month = "&".join(f"date=2026-05-{day:02}T00:00:00.000000000%2B10:00" for day in range(1, 32))
    deep = "subject:Patient.general-practitioner:Practitioner.name:contains=x"
    for form in (f"_id={ids}", f"_id={ids.replace(',', '%2C')}", many, month, deep):
        parse_limited_search(DEFAULT_LIMITS, "_count=50", form, resource="Appointment")
