"""Older responses that an app accepts: one entry serves all apps, each within its own age."""

from typing import Any

import pytest
from support.cache import KEY, Practice, get_request, searchset, status
from support.requests import fhir_request, json_response

from gateway.apps.app import App
from gateway.cache.freshness import Freshness
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.upstreams.failures import NOT_FOUND

pytestmark = pytest.mark.anyio
APPS = {
    "board": App("board", "display"),
    "kiosk": App("kiosk", "booking"),
    "panel": App("panel", "interactive", {"Appointment": 12}),
    "desk": App("desk", "interactive", {"Appointment": 2}),
    "wall": App("wall", "display", {"Appointment": 2}),
    "queue": App("queue", "display", {"Appointment": 0}),
}
APPOINTMENT = {"resourceType": "Appointment", "id": "1"}


class Diary(Practice):
    """A practice with today's appointments."""

    def __init__(self, freshness: Freshness | None = None, *, has_apps: bool = True) -> None:
        super().__init__(freshness, apps=APPS if has_apps else {})
        self.response = searchset(APPOINTMENT)

    async def poll(self, app: str, query: str = "date=2026-04-01", **headers: str) -> FhirResponse:
        return await self.cache(get_request("Appointment", query, **headers).replace(app=app))

    @property
    def query_count(self) -> int:
        return len(self.upstream_requests)


@pytest.mark.parametrize(
    ("app", "last_hit"),
    [("board", 29), ("panel", 11), ("kiosk", 4), ("desk", 1), ("wall", 1), ("other", 4), ("", 4)],
)
async def test_app_gets_data_up_to_its_own_age(app: str, last_hit: int) -> None:
    diary = Diary()
    await diary.poll("kiosk")
    diary.advance(last_hit)
    assert "; hit" in status(await diary.poll(app))
    diary.advance(1)
    assert "fwd=" in status(await diary.poll(app))
    assert diary.query_count == 2


@pytest.mark.parametrize("app", ["wall", "queue"])
async def test_app_below_the_lifetime_gets_nothing_stale(app: str) -> None:
    diary = Diary(Freshness(stale_while_revalidate={"Appointment": 60}, stale_if_error={"Appointment": 60}))
    await diary.poll("kiosk")
    diary.advance(6)
    assert "fwd=" in status(await diary.poll(app))
    diary.advance(6)
    assert "; hit" in status(await diary.poll("kiosk"))


async def test_zero_seconds_are_never_from_the_cache() -> None:
    diary = Diary()
    for count in (1, 2):
        assert "fwd=" in status(await diary.poll("queue"))
        assert diary.query_count == count
    assert "; hit" in status(await diary.poll("kiosk"))


async def test_missing_resource_is_kept_while_the_app_accepts_it() -> None:
    diary = Diary()
    diary.response = Failure(NOT_FOUND)
    request = get_request("Appointment/9").replace(app="wall")
    for seconds, count in ((0, 1), (1, 1), (1, 2)):
        diary.advance(seconds)
        with pytest.raises(Failure):
            await diary.cache(request)
        assert diary.query_count == count


async def test_age_and_purpose_are_shown_after_the_lifetime() -> None:
    diary = Diary()
    first = await diary.poll("board")
    diary.advance(3)
    assert status(await diary.poll("board")) == "halo-gateway; hit; ttl=2"
    diary.advance(17)
    response = await diary.poll("board")
    assert status(response) == "halo-gateway; hit; ttl=10; detail=display"
    assert response.header("age") == "20"
    assert response.body == first.body
    assert response.header("etag") == first.header("etag") != ""


async def test_booking_app_renews_the_entry_of_all() -> None:
    diary = Diary()
    await diary.poll("board")
    diary.advance(6)
    await diary.poll("kiosk")
    diary.advance(6)
    assert (await diary.poll("board")).header("age") == "6"
    assert diary.query_count == 2


async def test_write_ends_the_entry_for_all_apps() -> None:
    diary = Diary()
    await diary.poll("board")
    diary.advance(1)
    await diary.cache(fhir_request("Appointment", method="POST", headers=(KEY,)).replace(app="kiosk"))
    assert "; hit" not in status(await diary.poll("board"))


@pytest.mark.parametrize("directive", ["no-cache", "max-age=5", "min-fresh=1", "no-store"])
async def test_client_gets_fresher_data_on_request(directive: str) -> None:
    diary = Diary()
    await diary.poll("board")
    diary.advance(10)
    assert "; hit" not in status(await diary.poll("board", cache_control=directive))


@pytest.mark.parametrize(
    "field",
    [
        *("max-age=3", "must-revalidate", "s-maxage=5", "no-store", "private", "no-cache"),
        "max-age=60, must-revalidate",
    ],
)
async def test_directives_of_the_upstream_stand(field: str) -> None:
    diary = Diary()
    diary.response = searchset(APPOINTMENT).with_header("cache-control", field)
    await diary.poll("board")
    diary.advance(6)
    assert "; hit" not in status(await diary.poll("board"))


async def test_lifetime_of_the_upstream_limits_the_accepted_age() -> None:
    diary = Diary()
    diary.response = searchset(APPOINTMENT).with_header("cache-control", "max-age=10")
    await diary.poll("board")
    diary.advance(9)
    assert "; hit" in status(await diary.poll("board"))
    diary.advance(2)
    assert "; hit" not in status(await diary.poll("board"))


@pytest.mark.parametrize(
    "freshness", [Freshness("cautious"), Freshness("off"), Freshness(lifetimes={"Appointment": 2})]
)
async def test_shorter_lifetime_of_the_site_stands(freshness: Freshness) -> None:
    diary = Diary(freshness)
    await diary.poll("board")
    diary.advance(3)
    assert "; hit" not in status(await diary.poll("board"))


@pytest.mark.parametrize(
    "included", [{"resourceType": "Slot", "id": "2"}, {"resourceType": "Task", "id": "2"}]
)
async def test_included_types_limit_the_accepted_age(included: dict[str, Any]) -> None:
    diary = Diary()
    diary.response = searchset(APPOINTMENT, included)
    await diary.poll("board")
    diary.advance(5 if included["resourceType"] == "Slot" else 30)
    assert "; hit" not in status(await diary.poll("board"))


async def test_allergy_list_is_never_older_than_its_lifetime() -> None:
    diary = Diary()
    diary.response = searchset({"resourceType": "AllergyIntolerance", "id": "1"})
    request = get_request("AllergyIntolerance", "patient=1").replace(app="board")
    await diary.cache(request)
    diary.advance(31)
    assert "; hit" not in status(await diary.cache(request))


async def test_missing_resource_is_not_accepted_older() -> None:
    diary, request = Diary(), get_request("Appointment/1").replace(app="board")
    diary.response = Failure(NOT_FOUND)
    with pytest.raises(Failure):
        await diary.cache(request)
    diary.advance(6)
    diary.response = json_response(APPOINTMENT)
    assert (await diary.cache(request)).status == 200


async def test_nothing_configured_keeps_an_entry_for_its_lifetime() -> None:
    diary = Diary(has_apps=False)
    await diary.poll("")
    diary.advance(6)
    assert "fwd=uri-miss" in status(await diary.poll("board"))


async def test_other_caller_gets_no_entry() -> None:
    diary = Diary()
    await diary.poll("board")
    other = get_request("Appointment", "date=2026-04-01").replace(headers=((KEY[0], "x"),), app="board")
    assert "; hit" not in status(await diary.cache(other))


async def test_forecast_tells_the_accepted_age() -> None:
    diary = Diary()
    request = get_request("Appointment", "date=2026-04-01").replace(app="board")
    assert (await diary.cache.forecast(request)).accepted_age == 30
    await diary.poll("board")
    diary.advance(20)
    forecast = await diary.cache.forecast(request)
    assert (forecast.use, forecast.age, forecast.accepted_age) == ("hit", 20, 30)
    assert (await diary.cache.forecast(request.replace(app="kiosk"))).accepted_age == 0


@pytest.mark.parametrize(("app", "seconds"), [("board", 10), ("board", 25)])
async def test_prepared_response_ends_with_the_age_of_its_app(app: str, seconds: int) -> None:
    diary = Diary()
    await diary.poll(app)
    diary.advance(seconds)
    validity = (await diary.poll(app)).cache_validity
    assert validity is not None
    assert (validity.fresh_seconds, validity.detail) == (30 - seconds, "display")


async def test_prepared_response_ends_before_the_lifetime_if_asked() -> None:
    diary = Diary()
    await diary.poll("kiosk")
    diary.advance(1)
    response = await diary.poll("wall")
    assert response.cache_validity is not None
    assert response.cache_validity.fresh_seconds == 1
    forecast = await diary.cache.forecast(get_request("Appointment", "date=2026-04-01").replace(app="wall"))
    assert (forecast.use, forecast.lifetime, forecast.accepted_age) == ("hit", 2, 0)


async def test_prepared_response_says_nothing_before_the_lifetime_ends() -> None:
    diary = Diary()
    await diary.poll("board")
    diary.advance(2)
    validity = (await diary.poll("board")).cache_validity
    assert validity is not None
    assert (validity.fresh_seconds, validity.detail) == (3, "")
