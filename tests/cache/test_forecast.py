"""What the cache says that it will do, against what it does."""

import pytest
from support.cache import KEY, Practice, get_request

from gateway.cache.forecast import BYPASS, CacheForecast
from gateway.cache.freshness import Freshness
from gateway.http.cache_status import cache_outcome

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [(0, {}), (3, {}), (5_000, {}), (3, {"cache_control": "no-cache"}), (3, {"cache_control": "no-store"})],
)
async def test_forecast_is_what_the_cache_then_does(seconds: float, headers: dict[str, str]) -> None:
    practice = Practice()
    assert (await practice.cache.forecast(get_request())).use == "miss"
    await practice.get()
    practice.advance(seconds)
    forecast = await practice.cache.forecast(get_request(**headers))
    assert len(practice.upstream_requests) == 1
    response = await practice.get(**headers)
    outcome = cache_outcome(response.header("cache-status"), response.status)
    assert (forecast.use == "hit") == (outcome == "hit")
    if forecast.use == "hit":
        assert (forecast.age, forecast.lifetime > seconds) == (seconds, True)


async def test_request_that_the_cache_never_stores_bypasses_it() -> None:
    practice = Practice(Freshness("off"))
    assert await practice.cache.forecast(get_request()) == BYPASS
    assert await Practice().cache.forecast(get_request("Patient", "_lastUpdated=ge2026-01-01")) == BYPASS


async def test_stale_response_is_served_while_it_is_renewed() -> None:
    practice = Practice(Freshness(stale_while_revalidate={"Patient": 100}))
    await practice.get()
    lifetime = (await practice.cache.forecast(get_request())).lifetime
    practice.advance(lifetime + 1)
    assert await practice.cache.forecast(get_request()) == CacheForecast("stale", lifetime, lifetime + 1)
    assert "detail=revalidating" in (await practice.get()).header("cache-status")


async def test_other_caller_has_no_hit() -> None:
    practice = Practice()
    await practice.get()
    other = get_request().replace(headers=((KEY[0], "other"),))
    assert isinstance(await practice.cache.forecast(other), CacheForecast)
    assert (await practice.cache.forecast(other)).use == "miss"
