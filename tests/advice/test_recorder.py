"""Recorder: which requests are noted, and that no value is among what is noted."""

from datetime import UTC

import pytest
from structlog.testing import capture_logs
from support.requests import GUID, fhir_request

from gateway.advice.recorder import ShapeRecorder
from gateway.advice.shape_log import ShapeLog
from gateway.apps.app import App
from gateway.cache.freshness import Freshness
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.http.proved_callers import UNPROVED
from gateway.ledger.cost import Attribution

pytestmark = pytest.mark.anyio
PAGE = b'{"resourceType":"Bundle","link":[{"relation":"next","url":"x"}],"entry":[{"fullUrl":"Zzyzx"}]}'


def attribution(caller: str = "c0ffee00") -> Attribution:
    return Attribution(GUID, "harbour", UTC, caller, "Patient", "read")


async def answer(_: FhirRequest) -> FhirResponse:
    return FhirResponse(200)


def recorder(log: ShapeLog, result: FhirResponse | Failure, caller: str = "c0ffee00") -> ShapeRecorder:
    async def inner(_: FhirRequest) -> FhirResponse:
        if isinstance(result, Failure):
            raise result
        return result

    return ShapeRecorder(inner, log, lambda _: attribution(caller), lambda: 7.0)


async def test_paid_search_is_noted_with_its_page() -> None:
    log, response = ShapeLog(), FhirResponse(200, body=PAGE, upstream_use=UpstreamUse(1))
    handler = recorder(log, response)
    assert await handler(fhir_request("Patient", "name=Zzyzx&identifier=Zzyzx|1")) is response
    (record,) = log
    assert (record.at, record.shape) == (7.0, "GET Patient?identifier&name")
    assert (record.is_paid, record.entries, record.has_next, record.octets) == (True, 1, True, len(PAGE))
    assert "Zzyzx" not in repr(list(log))


async def test_next_link_in_a_text_is_none() -> None:
    log, text = ShapeLog(), b'{"entry":[{"fullUrl":"a","div":"\\"relation\\":\\"next\\"","code":"next"}]}'
    await recorder(log, FhirResponse(200, body=text, upstream_use=UpstreamUse(1)))(
        fhir_request("Patient", "a")
    )
    assert [(record.entries, record.has_next) for record in log] == [(1, False)]


async def test_large_page_is_not_scanned() -> None:
    log, body = ShapeLog(), PAGE + b" " * 65_536
    await recorder(log, FhirResponse(200, body=body, upstream_use=UpstreamUse(1)))(
        fhir_request("Patient", "a")
    )
    assert [(record.entries, record.has_next, record.octets) for record in log] == [(0, False, len(body))]


@pytest.mark.parametrize(
    ("app", "cache_control", "demands_fresh"),
    [
        ("board", "", False),
        ("board", "no-cache", True),
        ("board", "no-store", True),
        ("board", "max-age=2", True),
        ("board", "max-age=60", False),
        ("panel", "", True),
        ("other", "", False),
    ],
)
async def test_demand_for_fresh_data_is_noted(app: str, cache_control: str, demands_fresh: bool) -> None:
    log, apps = (
        ShapeLog(),
        {"board": App("board", "display"), "panel": App("panel", "interactive", {"Slot": 0})},
    )
    handler = ShapeRecorder(answer, log, lambda _: attribution(), lambda: 7.0, apps)
    headers = (("cache-control", cache_control),) if cache_control else ()
    await handler(fhir_request("Slot", "start=2026-07-01").replace(app=app, headers=headers))
    (record,) = log
    assert record.demands_fresh is demands_fresh
    assert record.purpose == {"board": "display", "panel": "interactive", "other": ""}[app]


async def test_stored_answer_is_noted_as_not_paid() -> None:
    log = ShapeLog()
    await recorder(log, FhirResponse(200, body=PAGE))(fhir_request("Patient/Zzyzx"))
    (record,) = log
    assert (record.shape, record.is_paid, record.entries) == ("GET Patient/{id}", False, 0)


async def test_failure_is_noted_and_passed_on() -> None:
    log, failure = ShapeLog(), Failure(catalog.BAD_REQUEST).with_upstream_use(UpstreamUse(1))
    with pytest.raises(Failure):
        await recorder(log, failure)(fhir_request("Patient", "name=a"))
    assert [record.is_paid for record in log] == [True]


async def test_write_and_unproved_caller_are_not_noted() -> None:
    log = ShapeLog()
    await recorder(log, FhirResponse(201))(fhir_request("Patient", method="POST", body=b"{}"))
    await recorder(log, FhirResponse(200), UNPROVED)(fhir_request("Patient", "name=a"))
    assert len(log) == 0


async def test_spelling_includes_count_and_preference() -> None:
    log = ShapeLog()
    handler = recorder(log, FhirResponse(200))
    for request in (
        fhir_request("Patient", "name=a"),
        fhir_request("Patient", "name=a&_count=5"),
        fhir_request("Patient", "name=a").replace(headers=(("prefer", "handling=strict"),)),
    ):
        await handler(request)
    records = list(log)
    assert len({record.same for record in records}) == 1
    assert len({record.spelt for record in records}) == 3


async def test_bug_in_recording_does_not_change_the_response() -> None:
    log, response = ShapeLog(), FhirResponse(200)

    def broken(_: FhirRequest) -> Attribution:
        raise LookupError("Zzyzx")

    async def inner(_: FhirRequest) -> FhirResponse:
        return response

    with capture_logs() as lines:
        assert await ShapeRecorder(inner, log, broken, lambda: 0.0)(fhir_request("Patient")) is response
    assert lines == [{"event": "advice-failed", "exception": "LookupError", "log_level": "error"}]


@pytest.mark.parametrize(
    ("write", "follows_writes"),
    [
        (fhir_request("Patient", method="POST", body=b"{}"), True),
        (fhir_request("Patient/1", method="PUT", body=b"{}"), True),
        (fhir_request("", method="POST", body=b"{}"), True),
        (fhir_request("Slot/1", method="PUT", body=b"{}"), False),
        (fhir_request("Patient/1"), False),
    ],
)
async def test_search_behind_own_changes_is_noted(write: FhirRequest, follows_writes: bool) -> None:
    log = ShapeLog()
    handler = recorder(log, FhirResponse(200))
    await handler(write)
    await handler(fhir_request("Patient", "name=a"))
    assert list(log)[-1].follows_writes is follows_writes


@pytest.mark.parametrize(
    ("query", "seconds"),
    [("status=booked", 30), ("_include=Appointment:slot", 5), ("_include=*", 5)],
)
async def test_age_that_a_display_app_gets_is_noted(query: str, seconds: float) -> None:
    log = ShapeLog()
    handler = ShapeRecorder(
        answer, log, lambda _: attribution(), lambda: 7.0, freshness_of=lambda _: Freshness()
    )
    await handler(fhir_request("Appointment", query))
    (record,) = log
    assert record.display_age == seconds


async def test_spellings_of_a_patient_are_the_same_search() -> None:
    log = ShapeLog()
    for value in ("12", "Patient/12"):
        await recorder(log, FhirResponse(200))(fhir_request("Appointment", f"patient={value}"))
    first, second = log
    assert (first.same == second.same, first.spelt == second.spelt) == (True, False)
