"""Dates in the Parameters of an operation."""

import json
from typing import Any

import pytest
from support.requests import SITE, fhir_request

from gateway.fhir.raw_json import UnreadableError
from gateway.search.parameters_body import DateRejectedError, rewrite_operation_body

EVERYTHING = "Patient/1/$everything"


def rewrite(path: str, body: bytes) -> bytes:
    return rewrite_operation_body(fhir_request(path, method="POST", body=body), SITE)


def parameters(*items: Any) -> bytes:
    return json.dumps({"resourceType": "Parameters", "parameter": list(items)}).encode()


def rewritten(path: str, *items: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rewrite(path, parameters(*items)))["parameter"]
    return found


@pytest.mark.parametrize("element", ["valueDate", "valueDateTime", "valueInstant", "valueString"])
def test_known_date_is_rewritten_whatever_its_type(element: str) -> None:
    (found,) = rewritten("Slot/$find-free", {"name": "start", element: "2024-05-01T00:00:00Z"})
    assert found == {"name": "start", element: "2024-05-01T10:00:00"}


def test_days_and_other_elements_keep_their_place() -> None:
    items = [{"name": "end", "valueDate": "2024-05", "id": "x"}, {"name": "_count", "valueInteger": 5}]
    assert rewritten(EVERYTHING, *items) == [items[0] | {"valueDate": "2024-05-31"}, items[1]]


def test_dates_in_parts_are_rewritten() -> None:
    part = {"name": "start", "valueDateTime": "2024-05-01T00:00:00Z"}
    (found,) = rewritten("Slot/$find-free", {"name": "when", "part": [part, {"name": "x"}]})
    assert found["part"][0]["valueDateTime"] == "2024-05-01T10:00:00"


def test_body_without_a_date_to_change_is_the_same_object() -> None:
    body = parameters({"name": "start", "valueDate": "2024-05-01"}, {"name": "n", "valueDecimal": 1.50})
    assert rewrite("Slot/$find-free", body) is body


def test_rest_of_a_changed_body_keeps_its_bytes() -> None:
    body = (
        b'{"resourceType":"Parameters","parameter":[{"name":"n","valueDecimal":1.50},'
        b'{"name":"start","valueInstant":"2024-05-01T00:00:00Z"}],"meta": {"x":  1.0}}'
    )
    assert rewrite("Slot/$find-free", body) == (
        b'{"resourceType":"Parameters","parameter":[{"name":"n","valueDecimal":1.50},'
        b'{"name":"start","valueInstant":"2024-05-01T10:00:00"}],"meta":{"x":  1.0}}'
    )


@pytest.mark.parametrize(
    ("path", "item"),
    [
        (EVERYTHING, {"name": "_since", "valueInstant": "2024-05-01T00:00:00.5Z"}),
        (EVERYTHING, {"name": "start", "valueDateTime": "2024-05-01T09:00:00+10:00"}),
        ("Slot/$find-free", {"name": "start", "valueDate": "2024"}),
        ("Slot/$find-free", {"name": "asOf", "valueInstant": "2024-05-01T00:00:00Z"}),
        ("Slot/$find-free", {"name": "asOf", "valueDate": "2024"}),
        ("Slot/$find-free", {"name": "asOf", "valueDate": 2024}),
        ("Slot/$find-free", {"name": "when", "part": [{"name": "asOf", "valueDate": "2024-05"}]}),
        ("Slot/$find-free", {"name": "asOf", "valuePeriod": {"start": "2024-05-01T00:00:00Z"}}),
        ("Observation/$lastn", {"name": "date", "valueDate": "2024-05-01"}),
        ("Observation/$lastn", {"name": "_lastUpdated", "valueString": "2024-05-01"}),
        ("Observation/$lastn", {"name": "other", "valueDateTime": "2024-05-01T00:00:00Z"}),
    ],
)
def test_date_that_cannot_be_exact_is_rejected(path: str, item: Any) -> None:
    with pytest.raises(DateRejectedError) as error:
        rewrite(path, parameters(item))
    assert "2024" not in error.value.problem.text


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("Slot/$find-free", {"name": "asOf", "valueDate": "2024-05-01"}),
        ("Slot/$find-free", {"name": "asOf", "valueDateTime": "2024-05-01T10:00:00"}),
        ("Slot/$find-free", {"name": "asOf", "valuePeriod": {"start": "2024-05-01"}}),
        ("Patient/$match", {"name": "resource", "resource": {"birthDate": "2024", "valueDate": "2024"}}),
        ("Patient/$match", {"name": "comment", "valueString": "1980"}),
        ("Observation/$lastn", {"name": "max", "valuePositiveInt": 3}),
    ],
)
def test_other_values_pass_unchanged(path: str, item: Any) -> None:
    assert rewritten(path, item) == [item]


@pytest.mark.parametrize(
    "body", [b"", b'{"resourceType":"Patient","parameter":1}', b'{"resourceType":"Parameters"}']
)
def test_body_that_is_no_list_of_parameters_passes(body: bytes) -> None:
    assert rewrite(EVERYTHING, body) is body


@pytest.mark.parametrize("items", [b'"x"', b"[1]", b'[{"name":"start","name":"end"}]', b'[{"part":1}]'])
def test_parameters_of_another_shape_are_unreadable(items: bytes) -> None:
    with pytest.raises(UnreadableError):
        rewrite(EVERYTHING, b'{"resourceType":"Parameters","parameter":%s}' % items)


def test_many_dates_are_refused_and_many_texts_are_not() -> None:
    date, text = {"name": "start", "valueDate": "2024-05-01"}, {"name": "code", "valueCode": "x"}
    assert len(rewritten("Slot/$find-free", *[date] * 100, *[text] * 1_000)) == 1_100
    with pytest.raises(DateRejectedError) as error:
        rewritten("Slot/$find-free", *[date] * 101)
    assert error.value.problem.kind == "too-costly"


def test_bodies_of_other_interactions_pass() -> None:
    body = parameters({"name": "start", "valueDate": "2024"})
    request = fhir_request("Patient/1", method="PATCH", body=body)
    assert rewrite_operation_body(request, SITE) is body
