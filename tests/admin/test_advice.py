"""Endpoint of the adviser."""

import pytest
from advice.test_patterns import polls
from support.operators import admin_response
from support.requests import GUID, NOW

from gateway.admin.advice import AdviceEndpoints
from gateway.admin.requests import SiteNames
from gateway.advice.adviser import Prices
from gateway.advice.shape_log import ShapeLog, ShapeRecord

pytestmark = pytest.mark.anyio


def endpoints(records: list[ShapeRecord]) -> AdviceEndpoints:
    log = ShapeLog()
    for record in records:
        log.add(record)
    prices, names = Prices(0.1, None, "AUD"), SiteNames({GUID: "harbour"})
    return AdviceEndpoints(log, prices, names, lambda: NOW, lambda: 3_600.0)


async def test_advice_has_shape_price_and_the_cheaper_call() -> None:
    records = [record._replace(site=GUID) for record in polls(450)]
    response = await admin_response("GET", "/admin/advice", [endpoints(records)])
    body = response.json()
    (advice,) = body["advice"]
    assert body["requests"] == 450
    assert body["observedSince"] == "2026-07-01T01:00:00+00:00"
    assert {name: advice[name] for name in ("id", "app", "site", "shape")} == {
        "id": "polls-too-often",
        "app": "board",
        "site": "harbour",
        "shape": "GET Appointment?date(ge,lt)",
    }
    assert advice["perDay"] == {"queries": 7896, "bytes": 7_896_000, "cost": 789.6, "currency": "AUD"}
    assert 'purpose = "display"' in advice["instead"]


async def test_no_request_is_no_advice() -> None:
    response = await admin_response("GET", "/admin/advice", [endpoints([])])
    assert response.json()["advice"] == []
    assert response.headers["cache-control"] == "no-store"


async def test_unknown_parameter_is_refused() -> None:
    response = await admin_response("GET", "/admin/advice?site=a", [endpoints([])])
    assert response.status_code == 400
