"""Endpoints of sites, keys and pauses."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.operators import TOKEN, issue, route_response
from support.requests import GUID, NOW
from support.site_status import ENGINE, KEY, OFFLINE, QUIET, QUOTA_EXHAUSTED, RATE_LIMITED, FaultyUpstream

from gateway.admin.endpoints import AdminEndpoints
from gateway.repairs import KNOWN_ISSUES
from gateway.sites.issue_states import Observation

pytestmark = pytest.mark.anyio


class Operator:
    """An operator who sends requests to the admin endpoints, with the log lines."""

    def __init__(self, lines: list[Any]) -> None:
        self.halo = FaultyUpstream()
        self.lines = lines

    async def get(self, path: str) -> Any:
        response = await self.send("GET", path)
        assert response.status_code == 200
        assert response.json()["asOf"] == NOW.isoformat()
        return response.json()

    async def send(self, method: str, path: str, content: str = "") -> httpx.Response:
        routes = AdminEndpoints(TOKEN, [self.halo.endpoints]).shared_port_routes()
        return await route_response(routes, method, path, content.encode())


@pytest.fixture
def operator() -> Iterator[Operator]:
    with capture_logs() as lines:
        yield Operator(lines)


async def test_closed_site_has_all_fields(operator: Operator) -> None:
    (site,) = (await operator.get("/admin/sites?site=harbour"))["sites"]
    assert site == {
        "site": GUID,
        "name": "harbour",
        "id": GUID,
        "configured": True,
        "state": "closed",
        "lastFailureAt": None,
        "until": None,
        "secondsLeft": 0,
        "reason": None,
        "failures": 0,
        "timesOpened": 0,
        "dates": {
            "timeZone": "Australia/Sydney",
            "verifiedBy": None,
            "clocks": {},
            "precision": {},
            "labels": {},
            "periods": "unknown",
        },
        "pauses": [],
        "retries": {"queries": 0, "spent": 0, "left": 3},
        "successor": None,
        "pageSizes": [],
        "running": 0,
        "waiting": 0,
        "knownIssues": {
            "engine": ENGINE,
            "issues": [
                {"issue": issue.id, "state": "unknown", "since": None, "source": None}
                for issue in KNOWN_ISSUES
            ],
        },
    }


async def test_site_shows_state_of_known_issues(operator: Operator) -> None:
    await operator.halo.issue_states.observe(GUID, [Observation("link-base-url", "", "broken")])
    (site,) = (await operator.get("/admin/sites?site=harbour"))["sites"]
    assert site["knownIssues"]["issues"][3] == {
        "issue": "link-base-url",
        "state": "broken",
        "since": NOW.isoformat(),
        "source": "traffic",
    }


async def test_failing_sites_have_reason_times_and_pauses(operator: Operator) -> None:
    await operator.halo.fail_once(OFFLINE)
    await operator.halo.fail_once(QUOTA_EXHAUSTED, guid=QUIET, retry_after=400)
    harbour, quiet = (await operator.get("/admin/sites"))["sites"]
    assert (harbour["state"], harbour["reason"], harbour["timesOpened"]) == (
        "open",
        "practice-offline",
        1,
    )
    assert 0 < harbour["secondsLeft"] <= 600
    assert harbour["until"].endswith("+00:00")
    (pause,) = quiet["pauses"]
    assert (pause["rule"], pause["scope"], pause["reason"]) == (
        "quota",
        "caller-at-site",
        "upstream-quota",
    )
    assert (pause["site"], pause["caller"]) == (QUIET, "diary")
    assert pause["since"] < pause["until"]


async def test_rate_limited_key_is_shown_by_its_alias(operator: Operator) -> None:
    await operator.halo.fail_once(RATE_LIMITED, retry_after=90)
    result = await operator.get("/admin/sites")
    (key,) = result["keys"]
    assert (key["upstream"], key["caller"], key["waiting"]) == ("halo.example", "diary", 0)
    assert key["perSecond"] > 0
    assert key["blockedUntil"].endswith("+00:00")
    assert KEY[1] not in str(result)


async def test_pause_rules_of_the_operator_come_first(operator: Operator) -> None:
    rules = (await operator.get("/admin/pauses"))["rules"]
    assert rules[0] == {
        "rule": "holiday",
        "scope": "site",
        "seconds": 60,
        "code": None,
        "messagePattern": "closed",
        "alarm": False,
    }
    assert {"quota", "login-failed", "caller-ip"} <= {rule["rule"] for rule in rules}


async def test_reset_site_is_logged_and_permits_requests(operator: Operator) -> None:
    await operator.halo.fail_once(OFFLINE)
    assert await operator.halo.send() == "practice-circuit-open"
    operator.lines.clear()
    response = await operator.send("POST", "/admin/sites/harbour/reset")
    assert response.json() == {"asOf": NOW.isoformat(), "reset": ["circuit"]}
    assert await operator.halo.send() == "200"
    assert [(line["event"], line["site"], line["what"]) for line in operator.lines] == [
        ("circuit-reset", "harbour", "circuit")
    ]


async def test_pause_is_cleared_by_its_name_at_either_endpoint(operator: Operator) -> None:
    for path in ("/admin/pauses/clear", f"/admin/sites/{GUID}/reset"):
        await operator.halo.fail_once(QUOTA_EXHAUSTED)
        assert await operator.halo.send() == "upstream-quota"
        (pause,) = (await operator.get("/admin/pauses"))["pauses"]
        response = await operator.send("POST", path, f'{{"pause":"{pause["pause"]}"}}')
        assert response.json()["reset"] == [pause["pause"]]
        assert await operator.halo.send() == "200"
    assert [line["event"] for line in operator.lines].count("pause-cleared") == 2


async def test_reset_of_a_closed_site_is_no_error(operator: Operator) -> None:
    response = await operator.send("POST", f"/admin/sites/{GUID}/reset", "{}")
    assert response.json()["reset"] == []
    assert operator.lines == []


@pytest.mark.parametrize(
    ("method", "path", "content", "text"),
    [
        ("GET", "/admin/sites?sites=1", "", "Allowed: site, view, contains, limit, offset."),
        ("GET", "/admin/sites?site=elsewhere", "", "Halo GUID"),
        ("GET", "/admin/pauses?site=1", "", "Allowed: limit."),
        ("GET", "/admin/pauses?limit=0", "", "limit must be"),
        ("GET", "/admin/sites?view=brief&limit=x", "", "limit must be"),
        ("GET", "/admin/sites?view=brief&limit=1&offset=-1", "", "offset must be"),
        ("GET", "/admin/sites?view=brief&offset=1", "", "needs a limit"),
        ("GET", "/admin/sites?limit=1", "", "contains, limit and offset"),
        ("GET", "/admin/sites?limit=1&offset=1", "", "contains, limit and offset"),
        ("GET", "/admin/sites?contains=", "", "contains, limit and offset"),
        ("POST", "/admin/sites/elsewhere/reset", "", "Halo GUID"),
        ("POST", f"/admin/sites/{GUID}/reset", '{"pauses":[]}', "Send JSON"),
        ("POST", f"/admin/sites/{GUID}/reset", f'{{"pause":"site:{QUIET}"}}', "another practice"),
        ("POST", "/admin/pauses/clear", "{}", "Send JSON"),
        ("POST", "/admin/pauses/clear", "[", "Send JSON"),
    ],
)
async def test_invalid_request_is_rejected(
    operator: Operator, method: str, path: str, content: str, text: str
) -> None:
    response = await operator.send(method, path, content)
    assert response.status_code == 400
    assert text in issue(response)["details"]["text"]


async def test_brief_view_lists_all_and_troubled_only_those(operator: Operator) -> None:
    await operator.halo.fail_once(OFFLINE)
    brief, troubled = [await operator.get(f"/admin/sites?view={view}") for view in ("brief", "troubled")]
    assert brief["practices"] == troubled["practices"] == len(brief["sites"]) == 2
    (site,) = troubled["sites"]
    assert site in brief["sites"]
    assert (site["name"], site["state"], site["reason"]) == ("harbour", "open", "practice-offline")
    assert site["lastFailureAt"] < site["until"]
    assert (site["datesVerifiedBy"], site["engine"], site["brokenIssues"]) == ("never probed", ENGINE, 0)


@pytest.mark.parametrize("query", ["view=all", "view=brief&site=harbour"])
async def test_other_view_is_refused(operator: Operator, query: str) -> None:
    assert (await operator.send("GET", f"/admin/sites?{query}")).status_code == 400
