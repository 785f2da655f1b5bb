"""Endpoints of the latest failures and the last hours."""

import pytest
from support.operators import admin_response
from support.requests import GUID, NOW

from gateway.admin.activity import ActivityEndpoints
from gateway.admin.requests import SiteNames
from gateway.errors import catalog
from gateway.ledger.cost import CostClass
from gateway.ledger.history import History
from gateway.ledger.recent_failures import RecentFailures

pytestmark = pytest.mark.anyio


def endpoints(history: History | None = None, failures: RecentFailures | None = None) -> ActivityEndpoints:
    names = SiteNames({GUID: "harbour"})
    return ActivityEndpoints(history or History(), failures or RecentFailures(), names, lambda: NOW)


async def test_failure_has_its_advice_but_no_values() -> None:
    failures = RecentFailures()
    failures.add(catalog.BAD_REQUEST, NOW.timestamp(), "harbour", "id-1")
    failures.add(catalog.UNKNOWN_PATH, NOW.timestamp(), "", "")
    response = await admin_response("GET", "/admin/failures", [endpoints(failures=failures)])
    first, second = response.json()["failures"]
    assert second == {
        "code": "bad-request",
        "status": 400,
        "text": catalog.BAD_REQUEST.text,
        "repeat": "after-change",
        "count": 1,
        "lastAt": NOW.isoformat(timespec="seconds"),
        "lastSite": "harbour",
        "lastRequestId": "id-1",
    }
    assert (first["code"], first["lastSite"], first["lastRequestId"]) == ("unknown-path", None, None)


@pytest.mark.parametrize(("query", "site"), [("", None), ("?site=harbour", GUID), (f"?site={GUID}", GUID)])
async def test_history_is_of_one_site_or_all(query: str, site: str | None) -> None:
    history = History()
    history.count_requests(GUID, CostClass.BILLED, NOW.timestamp(), 2)
    history.count_requests("other", CostClass.HIT, NOW.timestamp())
    body = (await admin_response("GET", f"/admin/history{query}", [endpoints(history)])).json()
    assert (body["site"], body["intervalSeconds"], len(body["intervals"])) == (site, 300, 72)
    last = body["intervals"][-1]
    assert (last["queries"], last["saved"], last["failures"]) == (2, 0 if site else 1, 0)
    assert last["start"] <= NOW.isoformat()


@pytest.mark.parametrize("path", ["/admin/history?site=nowhere", "/admin/history?x=1", "/admin/failures?x=1"])
async def test_unknown_parameter_or_site_is_refused(path: str) -> None:
    assert (await admin_response("GET", path, [endpoints()])).status_code == 400
