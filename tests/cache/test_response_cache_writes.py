"""After a write nothing older is served, whatever became of the write."""

import asyncio

import pytest
from support.cache import KEY, PATIENT, Practice, asking, run, status
from support.event_loop import turns
from support.requests import fhir_request, json_response

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse


def test_a_write_makes_stale_at_once_and_for_good() -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        await practice.write()
        assert "fwd=uri-miss" in status(await practice.get())
        assert "hit" in status(await practice.get())

    run(scene)


@pytest.mark.parametrize("outcome", [json_response(PATIENT), Failure(WRITE_OUTCOME_UNKNOWN)])
def test_what_was_fetched_before_a_write_is_never_kept_after_it(outcome: FhirResponse | Failure) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        reading = asyncio.create_task(practice.get())
        await turns()
        practice.answer = outcome
        writing = asyncio.create_task(practice.write())
        await turns()
        practice.opened.set()
        await asyncio.gather(reading, writing, return_exceptions=True)
        practice.answer = json_response(PATIENT)
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


def test_who_asks_after_a_write_does_not_share_a_query_from_before_it() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        before = asyncio.create_task(practice.get())
        await turns()
        writing = asyncio.create_task(practice.write())
        await turns()
        after = asyncio.create_task(practice.get())
        await turns()
        practice.opened.set()
        await asyncio.gather(before, writing, after)
        assert len(practice.asked) == 3

    run(scene)


def test_a_write_whose_client_left_goes_on_and_makes_stale_after_it() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        writing = asyncio.create_task(practice.write())
        await turns()
        writing.cancel()
        await asyncio.sleep(0)
        reading = asyncio.create_task(practice.get())
        await turns()
        practice.opened.set()
        await reading
        await turns()
        assert practice.asked == ["PUT Patient/1?", "GET Patient/1?"]
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


def test_a_booking_makes_slots_stale_but_not_the_directory() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = json_response({"resourceType": "Slot", "id": "1"})
        await practice.get("Slot/1")
        practice.answer = json_response({"resourceType": "Location", "id": "1"})
        await practice.get("Location/1")
        await practice.cached(fhir_request("Appointment", method="POST", headers=(KEY,)))
        assert "hit" in status(await practice.get("Location/1"))
        practice.answer = json_response({"resourceType": "Slot", "id": "1"})
        assert "fwd=uri-miss" in status(await practice.get("Slot/1"))

    run(scene)


def test_a_purge_makes_a_site_stale() -> None:
    async def scene() -> None:
        practice = Practice()
        request = asking()
        await practice.cached(request)
        assert request.site is not None
        await practice.cached.purge(request.site.guid)
        assert "fwd" in status(await practice.get())

    run(scene)


def test_a_change_that_depends_on_our_own_etag_is_refused_and_never_sent() -> None:
    async def scene() -> None:
        practice = Practice()
        tag = (await practice.get()).header("etag")
        with pytest.raises(Failure) as refused:
            await practice.cached(fhir_request("Patient/1", method="PUT", headers=(KEY, ("if-match", tag))))
        assert (refused.value.kind.status, refused.value.kind.code) == (400, "etag-no-version")
        assert dict(refused.value.headers)["cache-status"] == "halo-gateway; detail=etag-no-version"
        assert practice.asked == ["GET Patient/1?"]
        assert "hit" in status(await practice.get())

    run(scene)
