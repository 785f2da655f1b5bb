"""Invalidation of cached responses by writes, whatever their outcome."""

import asyncio

import pytest
from support.cache import KEY, PATIENT, Practice, get_request, status
from support.event_loop import turns
from support.requests import fhir_request, json_response

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.upstreams.failures import CREDENTIALS_INVALID

pytestmark = pytest.mark.anyio


async def test_write_invalidates_once() -> None:
    practice = Practice()
    await practice.get()
    await practice.write()
    assert "fwd=uri-miss" in status(await practice.get())
    assert "hit" in status(await practice.get())


@pytest.mark.parametrize("outcome", [json_response(PATIENT), Failure(WRITE_OUTCOME_UNKNOWN)])
async def test_fetch_before_write_is_not_stored_after_it(outcome: FhirResponse | Failure) -> None:
    practice = Practice()
    practice.may_respond.clear()
    read_task = asyncio.create_task(practice.get())
    await turns()
    practice.response = outcome
    write_task = asyncio.create_task(practice.write())
    await turns()
    practice.may_respond.set()
    await asyncio.gather(read_task, write_task, return_exceptions=True)
    practice.response = json_response(PATIENT)
    assert "fwd=uri-miss" in status(await practice.get())


REFUSED = Failure(CREDENTIALS_INVALID)


@pytest.mark.parametrize("is_proved", [True, False])
async def test_refused_write_invalidates_for_a_proved_caller_only(is_proved: bool) -> None:
    practice = Practice(is_proved=lambda _: is_proved)
    await practice.get()
    response, practice.response = practice.response, REFUSED
    with pytest.raises(Failure):
        await practice.write()
    practice.response = response
    assert ("hit" in status(await practice.get())) is not is_proved


async def test_first_write_of_a_caller_invalidates_after_it() -> None:
    practice = Practice(is_proved=lambda _: False)
    await practice.get()
    await practice.write()
    assert "fwd" in status(await practice.get())


async def test_read_after_write_does_not_share_earlier_fetch() -> None:
    practice = Practice()
    practice.may_respond.clear()
    tasks = []
    for coroutine in (practice.get(), practice.write(), practice.get()):
        tasks.append(asyncio.create_task(coroutine))
        await turns()
    practice.may_respond.set()
    await asyncio.gather(*tasks)
    assert len(practice.upstream_requests) == 3


async def test_write_of_disconnected_client_continues_and_invalidates() -> None:
    practice = Practice()
    practice.may_respond.clear()
    write_task = asyncio.create_task(practice.write())
    await turns()
    write_task.cancel()
    await asyncio.sleep(0)
    read_task = asyncio.create_task(practice.get())
    await turns()
    practice.may_respond.set()
    await read_task
    await turns()
    assert practice.upstream_requests == ["PUT Patient/1?", "GET Patient/1?"]
    assert "fwd=uri-miss" in status(await practice.get())


async def test_booking_invalidates_slots_but_not_locations() -> None:
    practice = Practice()
    practice.response = json_response({"resourceType": "Slot", "id": "1"})
    await practice.get("Slot/1")
    practice.response = json_response({"resourceType": "Location", "id": "1"})
    await practice.get("Location/1")
    await practice.cache(fhir_request("Appointment", method="POST", headers=(KEY,)))
    assert "hit" in status(await practice.get("Location/1"))
    practice.response = json_response({"resourceType": "Slot", "id": "1"})
    assert "fwd=uri-miss" in status(await practice.get("Slot/1"))


async def test_site_purge_invalidates_responses() -> None:
    practice = Practice()
    request = get_request()
    await practice.cache(request)
    assert request.site is not None
    await practice.cache.purge(request.site.guid)
    assert "fwd" in status(await practice.get())


async def test_write_with_gateway_etag_is_rejected_unsent() -> None:
    practice = Practice()
    etag = (await practice.get()).header("etag")
    with pytest.raises(Failure) as rejected:
        await practice.cache(fhir_request("Patient/1", method="PUT", headers=(KEY, ("if-match", etag))))
    assert (rejected.value.kind.status, rejected.value.kind.code) == (400, "etag-no-version")
    assert dict(rejected.value.headers)["cache-status"] == "halo-gateway; detail=etag-no-version"
    assert practice.upstream_requests == ["GET Patient/1?"]
    assert "hit" in status(await practice.get())
