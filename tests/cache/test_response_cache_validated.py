"""A resource that the upstream itself says is still the same."""

import pytest
from support.cache import PATIENT, Practice, run, searchset, status
from support.requests import json_response

from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse

TAG = 'W/"7"'
SAME = FhirResponse(304, (("etag", TAG),))


def tagged(**headers: str) -> Practice:
    """A practice whose ETags are trusted."""
    practice = Practice(trust_etags=True)
    practice.answer = json_response(PATIENT, etag=TAG, **headers)
    return practice


def test_what_the_upstream_says_is_the_same_is_fresh_again() -> None:
    async def scene() -> None:
        practice = tagged()
        first = await practice.get()
        practice.later(70)
        practice.answer = SAME
        second = await practice.get()
        assert practice.validators == ["", TAG]
        assert status(second) == "halo-gateway; fwd=stale; fwd-status=304; stored"
        assert (second.status, second.body, second.header("etag")) == (200, first.body, TAG)
        practice.later(30)
        assert status(await practice.get()) == "halo-gateway; hit; ttl=30"

    run(scene)


def test_no_cache_validates_what_is_still_fresh() -> None:
    async def scene() -> None:
        practice = tagged()
        first = await practice.get()
        practice.answer = SAME
        again = await practice.get(cache_control="no-cache")
        assert (status(again), again.body) == (
            "halo-gateway; fwd=request; fwd-status=304; stored",
            first.body,
        )
        held = await practice.get(cache_control="no-cache", if_none_match=TAG)
        assert (held.status, held.body) == (304, b"")

    run(scene)


def test_what_changed_replaces_what_was_kept() -> None:
    async def scene() -> None:
        practice = tagged()
        await practice.get()
        practice.later(70)
        practice.answer = json_response({**PATIENT, "gender": "other"}, etag='W/"8"')
        assert b"other" in (await practice.get()).body
        assert b"other" in (await practice.get()).body
        assert len(practice.asked) == 2

    run(scene)


def test_it_is_held_for_as_long_again_and_given_to_nobody_meanwhile() -> None:
    async def scene() -> None:
        practice = tagged()
        await practice.get()
        practice.later(70)
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        with pytest.raises(Failure):
            await practice.get()
        practice.later(60)
        practice.answer = json_response(PATIENT, etag=TAG)
        await practice.get()
        assert practice.validators == ["", TAG, ""]

    run(scene)


def test_a_write_ends_it() -> None:
    async def scene() -> None:
        practice = tagged()
        await practice.get()
        await practice.write()
        await practice.get()
        assert practice.validators == ["", "", ""]

    run(scene)


@pytest.mark.parametrize("limit", ["no-store", "max-age=0"])
def test_the_upstream_may_say_that_it_is_no_longer_to_be_kept(limit: str) -> None:
    async def scene() -> None:
        practice = tagged()
        first = await practice.get()
        practice.later(70)
        practice.answer = SAME.with_header("cache-control", limit)
        again = await practice.get()
        assert (status(again), again.body) == ("halo-gateway; fwd=stale; fwd-status=304", first.body)

    run(scene)


def test_what_we_made_and_what_is_not_trusted_is_never_put_to_the_upstream() -> None:
    async def scene() -> None:
        ours, search, untrusted = Practice(trust_etags=True), tagged(), Practice()
        untrusted.answer = json_response(PATIENT, etag=TAG)
        search.answer = searchset(PATIENT).with_header("etag", TAG)
        for practice, path in ((ours, "Patient/1"), (search, "Patient"), (untrusted, "Patient/1")):
            await practice.get(path)
            practice.later(70)
            await practice.get(path)
            assert practice.validators == ["", ""]

    run(scene)
