"""HaloITSM as a mount, with an upstream whose answers each test writes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from support.secrets import SECRET

from gateway.app import create_app
from gateway.settings import Settings
from gateway.upstreams.content_codings import ContentCodingError

pytestmark = pytest.mark.anyio

TOKEN = {"authorization": "Bearer first"}
FHIR = {"accept": "application/fhir+json"}
#: Repeats come at once.
RETRY = {"max_wait_seconds": 1, "initial_backoff_seconds": 0.01}
Answer = Callable[[httpx.Request], httpx.Response]


def error(status: int, text: str = "Broken", **headers: str) -> Answer:
    """An upstream that always sends this error."""
    return lambda _: httpx.Response(status, json={"Message": text}, headers=headers)


class Upstream:
    """HaloITSM: the answer of the test, and the requests that reached it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return self.answer(request)


@asynccontextmanager
async def gateway(
    upstream: Upstream, mount: dict[str, Any] | None = None, **values: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Client of a gateway with the upstream at /itsm."""
    itsm = {"url": "https://desk.example", "dialect": "halo-itsm", "path": "/itsm"} | (mount or {})
    common = {
        "upstreams": {"itsm": itsm},
        "retry": {"max_wait_seconds": 1, "initial_backoff_seconds": 0.01},
        "admin": {"token": SECRET},
    }
    app = create_app(Settings.model_validate(common | values), transport=httpx.MockTransport(upstream))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway.example", headers=TOKEN
        ) as client,
    ):
        yield client


def error_code(response: httpx.Response) -> str:
    code: str = response.json()["issue"][0]["details"]["coding"][0]["code"]
    return code


async def test_switch_of_halo_repair_has_no_effect() -> None:
    upstream = Upstream(error(401))
    async with gateway(upstream, repairs={"error-envelope": False}) as client:
        as_outcome = await client.get("/itsm/api/tickets", headers=FHIR)
        as_json = await client.get("/itsm/api/tickets", headers={"accept": "application/json"})
        upstream.answer = error(500)
        broken = await client.get("/itsm/api/tickets", headers={"accept": "application/json"})
    assert error_code(as_outcome) == "upstream-credentials"
    assert "www-authenticate" in as_json.headers
    assert broken.headers["retry-after"]


async def test_mount_names_no_repair_of_halo() -> None:
    upstream = Upstream(error(500))
    async with gateway(upstream) as client:
        response = await client.get("/itsm/api/tickets", headers=FHIR)
        admin = {"authorization": f"Bearer {SECRET}"}
        sites = (await client.get("/admin/sites?site=itsm", headers=admin)).json()["sites"]
    assert "gateway-repairs" not in response.headers
    assert [site["knownIssues"]["issues"] for site in sites] == [[]]


JSON = {"accept": "application/json"}
WITHOUT_RETRIES = {"budget_ratio": 0, "budget_min_per_hour": 0, "max_wait_seconds": 0.5}


async def test_pause_rules_of_halo_stop_no_caller() -> None:
    upstream = Upstream(error(401, "The Azure subscription key of the integration is not valid"))
    async with gateway(upstream) as client:
        assert (await client.get("/itsm/api/integration", headers=JSON)).status_code == 401
        upstream.answer = lambda _: httpx.Response(200, json=[])
        assert (await client.get("/itsm/api/tickets", headers=JSON)).status_code == 200


async def test_slow_report_stops_only_reports() -> None:
    upstream = Upstream(error(504))
    async with gateway(upstream, retry=WITHOUT_RETRIES) as client:
        for _ in range(3):
            assert (await client.get("/itsm/api/report/2", headers=FHIR)).status_code == 504
        upstream.answer = lambda _: httpx.Response(200, json=[])
        assert (await client.get("/itsm/api/tickets", headers=JSON)).status_code == 200
        stopped = await client.get("/itsm/api/Report/2?loadreport=false", headers=FHIR)
    assert (stopped.status_code, error_code(stopped)) == (503, "upstream-circuit-open")


async def test_own_timeout_has_advice_of_vendor() -> None:
    def end(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    upstream = Upstream(end)
    async with gateway(upstream, retry=WITHOUT_RETRIES) as client:
        response = await client.get("/itsm/api/report/2", headers=FHIR)
        written = await client.post("/itsm/api/tickets", headers=FHIR, json=[])
    assert error_code(response) == "upstream-timeout"
    assert "loadreport=false" in response.json()["issue"][0]["details"]["text"]
    assert "retry-after" not in response.headers
    assert error_code(written) == "write-outcome-unknown"


async def test_repeat_without_place_leaves_the_last_failure() -> None:
    upstream = Upstream(error(503, "Maintenance"))
    mount = {"rate_limits": [{"requests": 1, "seconds": 60}]}
    async with gateway(upstream, mount) as client:
        response = await client.get("/itsm/api/tickets", headers=JSON)
    assert (response.status_code, response.json()) == (503, {"Message": "Maintenance"})
    assert (len(upstream.sent), response.headers.get("gateway-attempts")) == (1, None)


async def test_read_is_repeated_once_within_window() -> None:
    upstream = Upstream(error(503))
    async with gateway(upstream) as client:
        response = await client.get("/itsm/api/tickets", headers=JSON)
    assert (response.status_code, len(upstream.sent)) == (503, 2)
    assert response.headers["gateway-attempts"] == "2"


@pytest.mark.parametrize("spelling", ["bearer first", "BEARER  first", "Bearer first"])
async def test_spelling_of_token_avoids_no_rate(spelling: str) -> None:
    upstream = Upstream(lambda _: httpx.Response(200, json=[]))
    mount = {"rate_limits": [{"requests": 1, "seconds": 60}]}
    async with gateway(upstream, mount) as client:
        first = await client.get("/itsm/api/tickets")
        second = await client.get("/itsm/api/tickets", headers={"authorization": spelling})
    assert [first.status_code, second.status_code] == [200, 429]


async def test_only_token_endpoint_is_unpaced() -> None:
    upstream = Upstream(lambda _: httpx.Response(200, json={}))
    mount = {"rate_limits": [{"requests": 1, "seconds": 60}]}
    async with gateway(upstream, mount) as client:
        statuses = [(await client.post("/itsm/api/tickets/token", json=[])).status_code for _ in range(2)]
        tokens = [(await client.post("/itsm/Auth/Token", data={"a": "b"})).status_code for _ in range(3)]
    assert (statuses, tokens) == ([200, 429], [200] * 3)


async def test_requests_without_credential_are_paced_by_address() -> None:
    upstream = Upstream(lambda _: httpx.Response(200, json={}))
    mount = {"rate_limits": [{"requests": 1, "seconds": 60}]}
    async with gateway(upstream, mount) as client:
        with_token = await client.get("/itsm/api/tickets")
        del client.headers["authorization"]
        statuses = [(await client.get("/itsm/api/authinfo")).status_code for _ in range(2)]
    assert (with_token.status_code, statuses) == (200, [200, 429])


async def test_idempotency_key_of_other_vendor_means_nothing() -> None:
    upstream = Upstream(lambda _: httpx.Response(200, json=[]))
    async with gateway(upstream) as client:
        response = await client.post("/itsm/api/tickets", json=[], headers={"hg-idempotency-key": "a, b"})
    assert response.status_code == 200
    assert "hg-idempotency-key" not in upstream.sent[0].headers


async def test_query_has_any_number_of_parameters() -> None:
    upstream = Upstream(lambda _: httpx.Response(200, json=[]))
    query = "&".join(f"ids={number}" for number in range(500))
    async with gateway(upstream) as client:
        response = await client.get(f"/itsm/api/tickets?{query}")
    assert response.status_code == 200
    assert upstream.sent[0].url.query.decode() == query


async def test_unasked_coding_is_fault_of_upstream() -> None:
    def end(request: httpx.Request) -> httpx.Response:
        raise ContentCodingError("coded", request=request)

    async with gateway(Upstream(end), retry=WITHOUT_RETRIES) as client:
        response = await client.get("/itsm/api/tickets", headers=JSON)
        written = await client.post("/itsm/api/tickets", headers=JSON, json=[])
    assert (response.status_code, error_code(response)) == (502, "upstream-coding")
    codes = [coding["code"] for coding in written.json()["issue"][0]["details"]["coding"]]
    assert codes == ["write-outcome-unknown", "upstream-coding"]


@pytest.mark.parametrize(
    ("sent", "received"),
    [(["999999999"], ["86400"]), (["7", "9"], ["7"]), (["soon", "9"], ["9"]), (["007"], ["7"])],
)
async def test_wait_of_vendor_is_one_bounded_value(sent: list[str], received: list[str]) -> None:
    fields = [("retry-after", each) for each in sent]
    upstream = Upstream(lambda _: httpx.Response(429, headers=fields))
    async with gateway(upstream) as client:
        response = await client.get("/itsm/api/tickets", headers=JSON)
    assert response.headers.get_list("retry-after") == received
