"""Every failure kind of the gateway itself, over real sockets, with a request that causes it."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from end_to_end.failing_gateway import (
    BASE,
    FailingGateway,
    checked_issue,
    error_code,
    failing_settings,
    run_gateway,
)
from structlog.testing import capture_logs
from support.outbound import Proxy, Server, authority, run_server
from support.secrets import OTHER_SECRET, SECRET

from gateway.errors import catalog
from gateway.errors.failure import FailureKind
from gateway.webhooks.signature import signature_of

JSON = {"content-type": "application/fhir+json"}
UNKNOWN_SITE = BASE.replace("/sites/0", "/sites/f")
SendRequest = Callable[[FailingGateway], httpx.Response]


def get(path: str, **headers: str) -> SendRequest:
    return lambda gateway: gateway.ask("GET", path, headers=KEY | headers)


def post(path: str, content: bytes, **headers: str) -> SendRequest:
    all_headers = KEY | JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda gateway: gateway.ask("POST", path, headers=all_headers, content=content)


def get_with_two_keys(gateway: FailingGateway) -> httpx.Response:
    return gateway.ask("GET", f"{BASE}/Patient", headers=[*KEY.items(), *KEY.items()])


def get_with_fault(path: str, **rule: object) -> SendRequest:
    def send_request(gateway: FailingGateway) -> httpx.Response:
        gateway.pair.fault(**rule)
        return gateway.ask("GET", path)

    return send_request


def get_with_foreign_link(gateway: FailingGateway) -> httpx.Response:
    links = [{"relation": "next", "url": "https://evil.example/fhir/R4/Patient?page=2"}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return get_with_fault(f"{BASE}/Patient", kind="answer", status=200, body=bundle)(gateway)


def get_with_second_made_up_key(gateway: FailingGateway) -> httpx.Response:
    settings = failing_settings(gateway.pair.emulator.url, server={"max_credential_failures": 1})
    with run_gateway(settings) as url:
        for key in ("made-up-1", "made-up-2"):
            headers = {"Ocp-Apim-Subscription-Key": key}
            response = httpx.get(f"{url}{BASE}/Patient/1", headers=headers, trust_env=False)
    return response


def send_webhook(body: bytes, secret: str) -> SendRequest:
    """Webhook signed with a secret, to a gateway that knows only SECRET."""

    def send_request(gateway: FailingGateway) -> httpx.Response:
        now, hooks = str(int(time.time())), {"secrets": [SECRET]}
        signature = signature_of(secret, body, now)
        headers = {"x-halo-id": "h-1", "x-halo-timestamp": now, "x-halo-signature-256": signature}
        with run_gateway(failing_settings(gateway.pair.emulator.url, webhooks=hooks)) as url:
            return httpx.post(url + "/hooks/halo", content=body, headers=headers, trust_env=False)

    return send_request


def get_without_default_site(gateway: FailingGateway) -> httpx.Response:
    with run_gateway(failing_settings(gateway.pair.emulator.url, server={})) as url:
        return httpx.get(f"{url}/fhir/R4/Patient", headers=KEY, trust_env=False)


def get_without_upstream(gateway: FailingGateway) -> httpx.Response:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed_url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with run_gateway(failing_settings(closed_url)) as url:
        return httpx.get(url + BASE + "/Patient", headers=KEY, trust_env=False)


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def _be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 No\r\n\r\n")
    await reader.read()


def get_from_tls_server(serve: Callable[..., Awaitable[None]]) -> SendRequest:
    """Request to a server without TLS, over https."""

    def send_request(_: FailingGateway) -> httpx.Response:
        with run_server(serve) as port:
            return send_to_upstream(f"https://127.0.0.1:{port}", timeouts={"connect": 0.3})

    return send_request


def get_with_private_certificate(gateway: FailingGateway) -> httpx.Response:
    with TemporaryDirectory() as folder, run_server(Server(), authority(Path(folder)).server()) as port:
        return send_to_upstream(f"https://localhost:{port}")


def get_with_refusing_proxy(gateway: FailingGateway) -> httpx.Response:
    with run_server(Proxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as port:
        return send_to_upstream("https://upstream.example", f"http://user:Zzyzx@127.0.0.1:{port}")


def get_without_proxy(gateway: FailingGateway) -> httpx.Response:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed_url = f"http://user:Zzyzx@127.0.0.1:{probe.getsockname()[1]}"
    return send_to_upstream("https://upstream.example", closed_url)


def send_to_upstream(
    url: str, proxy: str | None = None, method: str = "GET", **upstream: object
) -> httpx.Response:
    settings = failing_settings(url, upstream={"url": url, "proxy": proxy, **upstream})
    with run_gateway(settings) as own_url:
        content = b"" if method == "GET" else b'{"resourceType":"Patient"}'
        headers = KEY | (JSON if content else {})
        return httpx.request(
            method, own_url + BASE + "/Patient", headers=headers, content=content, trust_env=False, timeout=20
        )


def get_expired_page(gateway: FailingGateway) -> httpx.Response:
    upstream = {"url": gateway.pair.emulator.url}
    with run_gateway(
        failing_settings(upstream["url"], upstream=upstream, paging={"link_lifetime_seconds": 1})
    ) as url:
        bundle = httpx.get(f"{url}{BASE}/Patient?_count=1", headers=KEY, trust_env=False).json()
        next_url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
        time.sleep(2.1)
        return httpx.get(next_url, headers=KEY, trust_env=False)


def post_invalid_resource(gateway: FailingGateway) -> httpx.Response:
    settings = failing_settings(gateway.pair.emulator.url, writes={"validation": "refuse"})
    with run_gateway(settings) as url:
        return httpx.post(
            f"{url}{BASE}/Patient",
            headers=KEY | JSON,
            content=b'{"resourceType":"Patient","x":1}',
            trust_env=False,
        )


def get_costly_search(gateway: FailingGateway) -> httpx.Response:
    """A search that needs more upstream queries than the settings permit."""
    limits = {"max_split_queries": 1, "max_queries_per_page": 1}
    dates = ",".join(f"20{year}-01-01" for year in range(10, 20))
    with run_gateway(failing_settings(gateway.pair.emulator.url, search=limits)) as url:
        return httpx.get(
            f"{url}{BASE}/Patient?_lastUpdated={dates}&_summary=count", headers=KEY, trust_env=False
        )


def get_with_ignored_filter(gateway: FailingGateway) -> httpx.Response:
    """The upstream's `self` link shows that it ignored the date; `_elements` hides the date."""
    url = f"{gateway.pair.emulator.url}{BASE}/Patient?_elements=name"
    entry = {"resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}}
    links = [{"relation": "self", "url": url}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": [entry]}
    path = f"{BASE}/Patient?birthdate=1980-02-29&_elements=name"
    return get_with_fault(path, kind="answer", status=200, body=bundle)(gateway)


def get_answered_with(search: str, resource: dict[str, object]) -> SendRequest:
    """Search whose only match is this resource."""
    entry = {"resource": {**resource, "id": "1"}, "search": {"mode": "match"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    return get_with_fault(f"{BASE}/{search}", kind="answer", status=200, body=bundle)


class BrokenTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError(f"Zzyzx {request.method}")


def get_with_transport_bug(gateway: FailingGateway) -> httpx.Response:
    with run_gateway(settings_for(gateway.pair.emulator.url), transport=BrokenTransport()) as url:
        return httpx.get(f"{url}{BASE}/Patient", headers=KEY, trust_env=False)


REQUESTS: list[tuple[FailureKind, SendRequest]] = [
    (catalog.BAD_REQUEST, get(f"{BASE}/Patient", Host="evil.example/path")),
    (catalog.PATH_MALFORMED, get(f"{BASE}/Patient/%zz")),
    (catalog.GUID_MALFORMED, get("/integrator/sites/no-guid/fhir/R4/Patient")),
    (catalog.WRITE_INVALID, post_invalid_resource),
    (catalog.BATCH_INVALID, post(BASE, b'{"resourceType":"Bundle","type":"batch","entry":[{}]}')),
    (catalog.BODY_UNREADABLE, post(f"{BASE}/Patient", b"[]")),
    (catalog.ETAG_WITHOUT_VERSION, post(f"{BASE}/Patient", b"{}", if_none_match='W/"gw-1"')),
    (catalog.SEARCH_LIMIT, get(f"{BASE}/Patient?{'a&' * 200}")),
    (catalog.HEADERS_TOO_MANY, get(f"{BASE}/Patient", accept="a," * 100)),
    (catalog.BODY_TOO_COMPLEX, post(f"{BASE}/Patient", b'{"a":' * 65 + b"1" + b"}" * 65)),
    (catalog.COUNT_INVALID, get(f"{BASE}/Patient?_count=-1")),
    (catalog.DATE_SYNTAX, get(f"{BASE}/Patient?birthdate=2023-02-29")),
    (catalog.DATE_INEXPRESSIBLE, get(f"{BASE}/Patient?birthdate:exact=2023")),
    (catalog.SEARCH_TOO_BROAD, get_costly_search),
    (catalog.CREDENTIALS_MISSING, lambda gateway: gateway.ask("GET", f"{BASE}/Patient", headers={})),
    (catalog.CREDENTIALS_AMBIGUOUS, get_with_two_keys),
    (catalog.WEBHOOK_REFUSED, send_webhook(b'{"id": "e", "siteId": "s"}', OTHER_SECRET)),
    (catalog.WEBHOOK_MALFORMED, send_webhook(b'{"id": "e"}', SECRET)),
    (catalog.TOO_MANY_CREDENTIAL_FAILURES, get_with_second_made_up_key),
    (catalog.UNKNOWN_PATH, get("/nowhere")),
    (catalog.TYPE_UNKNOWN, get(f"{BASE}/Nonsense/1")),
    (catalog.SITE_NOT_MOUNTED, get_without_default_site),
    (catalog.SITE_ZONE_UNKNOWN, get(f"{UNKNOWN_SITE}/Patient")),
    (catalog.METHOD_NOT_ALLOWED, lambda gateway: gateway.ask("DELETE", f"{BASE}/Patient")),
    (catalog.NOT_ACCEPTABLE, get(f"{BASE}/Patient", accept="application/fhir+xml")),
    (catalog.BODY_TOO_LARGE, post(f"{BASE}/Patient", b" " * 2_000_001)),
    (catalog.URI_TOO_LONG, get(f"{BASE}/Patient?name={'a' * 16_001}")),
    (catalog.MEDIA_TYPE_UNSUPPORTED, post(f"{BASE}/Patient", b"<a/>", content_type="application/xml")),
    (catalog.PAGE_EXPIRED, get_expired_page),
    (catalog.PAGE_UNKNOWN, get(f"{BASE}/Patient?_page=forged")),
    (catalog.UPSTREAM_LINK, get_with_foreign_link),
    (catalog.NOTHING_TO_EXPLAIN, post(f"{BASE}/$explain", b"{}")),
    (catalog.FILTER_IGNORED, get_with_ignored_filter),
    (
        catalog.DATES_SHIFTED,
        get_answered_with(
            "Appointment?date=2026-04-20",
            {"resourceType": "Appointment", "start": "2026-04-21T05:00:00+10:00"},
        ),
    ),
    (
        catalog.DATES_NOT_SHOWN,
        get_answered_with("Encounter?date=2026-04-20", {"resourceType": "Encounter"}),
    ),
    (catalog.GATEWAY_ERROR, get_with_transport_bug),
    (catalog.UPSTREAM_CONNECT, get_from_tls_server(_close)),
    (catalog.UPSTREAM_REFUSED, get_without_upstream),
    (catalog.UPSTREAM_CONNECT_TIMEOUT, get_from_tls_server(_be_silent)),
    (catalog.UPSTREAM_UNKNOWN_HOST, lambda _: send_to_upstream("https://upstream.invalid")),
    (catalog.UPSTREAM_TLS, get_from_tls_server(_speak_plainly)),
    (catalog.UPSTREAM_CERTIFICATE, get_with_private_certificate),
    (catalog.PROXY_REFUSED, get_with_refusing_proxy),
    (catalog.PROXY_UNAVAILABLE, get_without_proxy),
    (catalog.UPSTREAM_RESET, get_with_fault(f"{BASE}/Patient", kind="reset")),
    (catalog.UPSTREAM_RESET, get_with_fault(f"{BASE}/Patient", kind="truncate")),
    (catalog.UPSTREAM_TIMEOUT, get_with_fault(f"{BASE}/Patient", kind="hang")),
    (
        catalog.RESPONSE_TOO_LARGE,
        get_with_fault(f"{BASE}/Patient", kind="answer", status=200, body='{"a":"' + "x" * 3_000_000),
    ),
]
#: Tested in test_resilience (full queue), test_shutdown, test_cache (cache), tests/server/test_connection.py
#: (raw sockets), tests/adversary/test_s12_operators_port.py (host), test_errors_writes (unknown outcome),
#: test_batch (outcomes of entries), test_app_budgets (budgets), and test_entries_pages and
#: test_entries_dropped (pages and parameters).
TESTED_ELSEWHERE = {
    catalog.UPSTREAM_CODING,
    catalog.REQUEST_REPAIR_FAILED,
    catalog.RESPONSE_REPAIR_FAILED,
    catalog.GATEWAY_OVERLOADED,
    catalog.GATEWAY_SHUTDOWN,
    catalog.NOT_CACHED,
    catalog.BATCH_ENTRY_INVALID,
    catalog.BATCH_CHANGE_HELD,
    catalog.BATCH_RESPONSE_TOO_LARGE,
    catalog.WRITE_OUTCOME_UNKNOWN,
    catalog.REQUEST_TIMEOUT,
    catalog.HEADERS_TOO_LARGE,
    catalog.HOST_UNKNOWN,
    catalog.UPSTREAM_LINK_LOOP,
    catalog.UPSTREAM_PAGE_MISSING,
    catalog.UPSTREAM_INCOMPLETE,
    catalog.PARAMETER_IGNORED,
    catalog.APP_BUDGET_USED,
}


@pytest.mark.parametrize(("kind", "send_request"), REQUESTS)
def test_every_own_failure_gives_an_outcome(
    gateway: FailingGateway, kind: FailureKind, send_request: SendRequest
) -> None:
    response = send_request(gateway)
    issue = checked_issue(response, kind.status)
    assert error_code(issue) == kind.code
    wait = None if kind.retry_after is None else str(kind.retry_after)
    assert response.headers.get("retry-after") == wait
    assert response.headers["x-request-id"]
    assert response.headers["x-intermediary"] == "halo-gateway"


def test_write_refused_by_a_proxy_is_not_called_unknown(gateway: FailingGateway) -> None:
    with run_server(Proxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as port:
        proxy = f"http://user:Zzyzx@127.0.0.1:{port}"
        with capture_logs() as lines:
            response = send_to_upstream("https://upstream.example", proxy, "POST")
    issue = checked_issue(response, 502)
    assert error_code(issue) == catalog.PROXY_REFUSED.code
    assert "proxy-status=407" in issue["diagnostics"]
    assert "Zzyzx" not in response.text + str(lines)


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"days": -1}, "expired"),
        ({"host": "other.example"}, "wrong-host"),
        ({"self_signed": True}, "self-signed"),
    ],
)
def test_reason_of_a_certificate_is_logged_and_nothing_repeated(
    tmp_path: Path, certificate: dict[str, Any], reason: str
) -> None:
    files, server = authority(tmp_path, **certificate), Server()
    trusted = {} if "self_signed" in certificate else {"ca_file": str(files.ca_file)}
    with run_server(server, files.server()) as port, capture_logs() as lines:
        response = send_to_upstream(f"https://localhost:{port}", **trusted)
    assert error_code(checked_issue(response, 502)) == catalog.UPSTREAM_CERTIFICATE.code
    assert reason not in response.text
    assert "gateway-attempts" not in response.headers
    (line,) = [line for line in lines if line["event"] == "upstream-connection-failed"]
    assert (line["log_level"], line["code"], line["reason"]) == ("error", "upstream-certificate", reason)
    assert line["host"] == f"localhost:{port}"


def test_every_own_kind_is_tested() -> None:
    own_kinds = {kind for kind in vars(catalog).values() if isinstance(kind, FailureKind)}
    assert own_kinds - TESTED_ELSEWHERE == {kind for kind, _ in REQUESTS}


def test_bug_gives_only_a_reference_to_the_log(gateway: FailingGateway) -> None:
    with capture_logs() as lines:
        response = get_with_transport_bug(gateway)
    (line,) = [
        line for line in lines if line["event"] == "unhandled-exception" and line["log_level"] == "error"
    ]
    assert checked_issue(response, 500)["diagnostics"] == f"reference={line['reference']}"
    assert "Zzyzx" not in response.text + str(line)


def test_missing_credentials_get_www_authenticate(gateway: FailingGateway) -> None:
    response = gateway.ask("GET", f"{BASE}/Patient", headers={})
    assert response.headers["www-authenticate"].startswith("AzureApiManagementKey")
    desktop = gateway.ask("GET", BASE.replace("integrator", "desktop") + "/Patient", headers={})
    assert desktop.headers["www-authenticate"].startswith("Bearer")


def test_head_of_a_failure_has_headers_without_body(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="offline")
    response = gateway.ask("HEAD", f"{BASE}/Patient")
    assert (response.status_code, response.content, response.headers["retry-after"]) == (503, b"", "300")
