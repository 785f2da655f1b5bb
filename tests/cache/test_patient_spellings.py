"""Both spellings of a patient: which searches have them, and what responses prove."""

from typing import Any

import msgspec
import pytest
from support.cache import Practice, get_request, searchset, status
from support.requests import fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.patient_spellings import (
    Answer,
    PatientCriterion,
    PatientSpellings,
    Scope,
    Spelling,
    answer_of,
    compare,
    is_plain,
    patient_criterion,
)
from gateway.fhir.search_params import parse_search

ONE: dict[str, Any] = {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/12"}}
OTHER = ONE | {"id": "2"}
SCOPE = Scope("site", "Condition", "26.1", is_list=False)


@pytest.mark.parametrize(
    ("query", "criterion"),
    [
        ("patient=12", PatientCriterion("id", "12", is_list=False)),
        ("patient=Patient/12&_count=5", PatientCriterion("reference", "12", is_list=False)),
        ("patient=Patient%2F12", PatientCriterion("reference", "12", is_list=False)),
        ("patient=12,13", PatientCriterion("id", "12,13", is_list=True)),
        ("patient=Patient/12,Patient/13", PatientCriterion("reference", "12,13", is_list=True)),
        *[
            (query, None)
            for query in (
                *("patient=12,Patient/13", "patient=12&patient=13", "patient:Patient=12", "patient.name=a"),
                *("patient=12&patient.name=a", "subject=Patient/12", "patient=12&subject=12", "patient="),
                *("patient=https://a.example/Patient/12", "patient=Group/12", "patient=patient/12", "_id=12"),
                *("patient=12,", "patient=Patient/12/_history/1", "patient=Patient/" + "1" * 65),
                "patient=" + ",".join(map(str, range(21))),
            )
        ],
    ],
)
def test_criterion_is_of_one_spelling(query: str, criterion: PatientCriterion | None) -> None:
    assert patient_criterion(parse_search(query)) == criterion


@pytest.mark.parametrize(
    ("query", "is_learned_from"),
    [
        ("patient=12", True),
        ("patient=12&_count=5&_sort=date", True),
        ("patient=12&_id=1", False),
        ("patient=12&category=a", False),
        ("patient=12&_summary=count", False),
    ],
)
def test_only_plain_searches_teach(query: str, is_learned_from: bool) -> None:
    assert is_plain(fhir_request("Condition", query)) is is_learned_from


BOTH = (ONE, OTHER)
NEXT = {"link": [{"relation": "next", "url": "https://a.example/Condition?page=2"}]}


def answer(
    spelling: Spelling,
    *resources: dict[str, Any],
    at: float = 0.0,
    write: int = 1,
    has_count: bool = False,
    **fields: object,
) -> Answer:
    document = msgspec.json.decode(searchset(*resources).body) | fields
    result = answer_of(json_response(document), spelling, at, write, has_count=has_count)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (answer("reference", *BOTH), "alike"),
        (answer("reference", *BOTH, at=60), "alike"),
        (answer("reference", *BOTH, at=61), "unknown"),
        (answer("reference", *BOTH, write=2), "unknown"),
        (answer("id", *BOTH), "unknown"),
        (answer("reference", ONE, OTHER | {"note": []}), "unknown"),
        (answer("reference", OTHER, ONE), "unknown"),
        (answer("reference", ONE), "different"),
        (answer("reference", OTHER), "different"),
        (answer("reference"), "different"),
        (answer("reference", *BOTH, total=3), "different"),
        (answer("reference", *BOTH, **NEXT), "different"),
    ],
)
def test_comparison_proves_only_what_both_show(other: Answer, verdict: str) -> None:
    assert compare(answer("id", *BOTH), other) == compare(other, answer("id", *BOTH)) == verdict


@pytest.mark.parametrize(
    ("resources", "fields", "verdict"),
    [
        ((), {}, "unknown"),
        ((ONE,), {"total": 1}, "unknown"),  # it says nothing of the order
        (BOTH, {"total": 2}, "alike"),
        (BOTH, {"total": 2, "has_count": True}, "alike"),
        (BOTH, {"total": 3}, "unknown"),
        (BOTH, {"has_count": True}, "unknown"),  # the page may be full
        (BOTH, {"total": 2, **NEXT}, "unknown"),
    ],
)
def test_only_complete_lists_prove_anything(
    resources: tuple[dict[str, Any], ...], fields: dict[str, Any], verdict: str
) -> None:
    assert compare(answer("id", *resources, **fields), answer("reference", *resources, **fields)) == verdict


def test_difference_outlives_every_proof() -> None:
    spellings = PatientSpellings(lambda: 0.0)
    spellings.record_answer(SCOPE, "a", answer("id", *BOTH))
    spellings.record_answer(SCOPE, "a", answer("reference", *BOTH))
    assert spellings.are_alike(SCOPE)
    assert not spellings.are_alike(SCOPE._replace(version="26.2"))
    assert not spellings.are_alike(SCOPE._replace(is_list=True))
    spellings.record_answer(SCOPE, "b", answer("id", *BOTH))
    spellings.record_answer(SCOPE, "b", answer("reference"))
    assert not spellings.are_alike(SCOPE)
    spellings.record_answer(SCOPE, "a", answer("id", *BOTH))
    spellings.record_answer(SCOPE, "a", answer("reference", *BOTH))
    assert not spellings.are_alike(SCOPE)


def test_responses_of_other_searches_are_not_compared() -> None:
    spellings = PatientSpellings(lambda: 0.0)
    spellings.record_answer(SCOPE, "a", answer("id", *BOTH))
    spellings.record_answer(SCOPE, "b", answer("reference", *BOTH))
    assert not spellings.are_alike(SCOPE)


def test_proof_ends_after_an_hour() -> None:
    now = 0.0
    spellings = PatientSpellings(lambda: now)
    spellings.record_answer(SCOPE, "a", answer("id", *BOTH))
    spellings.record_answer(SCOPE, "a", answer("reference", *BOTH))
    now = 3_599.0
    assert spellings.are_alike(SCOPE)
    now = 3_600.0
    assert not spellings.are_alike(SCOPE)


def test_tables_are_bounded() -> None:
    spellings = PatientSpellings(lambda: 0.0, max_verdicts=2, max_answers=3)
    for number in range(10):
        scope = SCOPE._replace(site=str(number))
        for spelling in ("id", "reference"):
            spellings.record_answer(scope, str(number), answer(spelling, *BOTH))
    alike = [number for number in range(10) if spellings.are_alike(SCOPE._replace(site=str(number)))]
    assert alike == [8, 9]
    assert len(spellings._answers) == 3


class Chart(Practice):
    """A practice with the conditions of a patient."""

    def __init__(self) -> None:
        super().__init__(Freshness())
        self.response = searchset(*BOTH)

    async def is_hit(self, query: str, key: str = "demo") -> bool:
        request = get_request("Condition", query, ocp_apim_subscription_key=key)
        return "; hit" in status(await self.cache(request))

    async def prove(self) -> None:
        assert not await self.is_hit("patient=1")
        assert not await self.is_hit("patient=Patient/1")


@pytest.mark.anyio
async def test_proved_site_serves_either_spelling_to_the_same_caller() -> None:
    chart = Chart()
    await chart.prove()
    assert not await chart.is_hit("patient=12")
    assert await chart.is_hit("patient=Patient/12")
    assert not await chart.is_hit("patient=Patient/13")
    assert not await chart.is_hit("patient=12", "another")


@pytest.mark.anyio
async def test_site_that_reads_one_spelling_only_is_never_shared() -> None:
    chart = Chart()
    assert not await chart.is_hit("patient=1")
    chart.response = searchset()
    assert not await chart.is_hit("patient=Patient/1")
    chart.response = searchset(*BOTH)
    await chart.is_hit("patient=2")
    assert not await chart.is_hit("patient=Patient/2")
    await chart.is_hit("patient=3")
    assert not await chart.is_hit("patient=Patient/3")


@pytest.mark.anyio
async def test_write_between_the_responses_proves_nothing() -> None:
    chart = Chart()
    assert not await chart.is_hit("patient=1")
    await chart.write()
    assert not await chart.is_hit("patient=Patient/1")
    await chart.is_hit("patient=12")
    assert not await chart.is_hit("patient=Patient/12")


@pytest.mark.anyio
async def test_first_rows_of_longer_lists_prove_nothing() -> None:
    """The rows of page 1 are the same, the totals are not: the spellings have other matches."""
    chart = Chart()
    for query, total in (("patient=1&_count=2", 2), ("patient=Patient/1&_count=2", 3)):
        document = msgspec.json.decode(searchset(*BOTH).body) | {"total": total}
        chart.response = json_response(document)
        assert not await chart.is_hit(query)
    await chart.is_hit("patient=2")
    assert not await chart.is_hit("patient=Patient/2")
