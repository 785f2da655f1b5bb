import json

import pytest
from conftest import Pair
from support.requests import SITE, fhir_request

from gateway.errors.failure import Failure
from gateway.repairs.search_date_format import rewrite_dates


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("birthdate=1980", "birthdate=ge1980-01-01&birthdate=lt1981-01-01"),
        ("a=1&date=2026-04&b=2", "a=1&date=ge2026-04-01T00:00:00&date=lt2026-05-01T00:00:00&b=2"),
        ("date=ge2026-07-01T00:00:00Z", "date=ge2026-07-01T10:00:00"),
        ("date=ge2026-07-01T00:00:00+10:00", "date=ge2026-07-01T00:00:00"),
        ("date=ge2026&x=1&date=lt2027", "date=ge2026-01-01T00:00:00&date=lt2027-01-01T00:00:00&x=1"),
    ],
)
def test_dates_are_sent_in_upstream_formats(query: str, sent: str) -> None:
    path = "Patient" if "birthdate" in query else "Appointment"
    request = rewrite_dates(fhir_request(path, query))
    assert request.upstream_search.query == sent
    assert request.client_search.query == query
    assert rewrite_dates(request) is request


def test_dates_of_form_are_rewritten_in_form() -> None:
    request = rewrite_dates(fhir_request("Patient/_search", "", "POST", form="birthdate=1980"))
    assert request.upstream_search.query == ""
    assert request.upstream_body == b"birthdate=ge1980-01-01&birthdate=lt1981-01-01"


@pytest.mark.parametrize("query", ["name=2026-04", "family=1980", "_count=2", "birthdate:missing=true"])
def test_other_parameters_are_unchanged(query: str) -> None:
    request = fhir_request("Patient", query)
    assert rewrite_dates(request) is request


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("birthdate=2023-02-29", "bad-date"),
        ("birthdate=zz2023", "bad-date"),
        ("birthdate:exact=2023", "date-not-expressible"),
    ],
)
def test_invalid_date_is_rejected_with_parameter_name(query: str, code: str) -> None:
    with pytest.raises(Failure) as error:
        rewrite_dates(fhir_request("Patient", query, site=SITE))
    assert error.value.kind.code == code
    assert error.value.expression.startswith("http.birthdate")
    assert "2023" not in error.value.text


def operation_body(text: str) -> bytes:
    parameter = {"name": "start", "valueDateTime": text}
    return json.dumps({"resourceType": "Parameters", "parameter": [parameter]}).encode()


def test_dates_of_an_operation_are_rewritten_in_its_body() -> None:
    body = operation_body("2026-07-01T00:00:00Z")
    request = rewrite_dates(fhir_request("Slot/$find-free", method="POST", body=body))
    assert json.loads(request.upstream_body)["parameter"][0]["valueDateTime"] == "2026-07-01T10:00:00"
    assert rewrite_dates(request) is request


@pytest.mark.parametrize(
    ("text", "code"),
    [("2026-07-01T00:00:00.5Z", "date-not-expressible"), ("tomorrow", "bad-date")],
)
def test_date_of_an_operation_that_is_not_exact_is_refused(text: str, code: str) -> None:
    for request in (
        fhir_request("Slot/$find-free", method="POST", body=operation_body(text)),
        fhir_request("Slot/$find-free", f"start={text}"),
    ):
        with pytest.raises(Failure) as error:
            rewrite_dates(request)
        assert error.value.kind.code == code
        assert not error.value.kind.may_have_run


def test_unreadable_parameters_are_refused() -> None:
    body = b'{"resourceType":"Parameters","parameter":[1]}'
    with pytest.raises(Failure) as error:
        rewrite_dates(fhir_request("Slot/$find-free", method="POST", body=body))
    assert error.value.kind.code == "bad-body"


def is_repaired(pair: Pair, straight: bool) -> bool:
    return (pair.straight if straight else pair.get)("Appointment?date=2026-04&_count=1").status_code == 200
