"""Every failure that is the gateway's own, over real sockets: one way to provoke each kind."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from conftest import KEY, settings_for
from end_to_end.failing import BASE, Failing, code, failing_settings, gateway, outcome
from structlog.testing import capture_logs
from support.outbound import Proxy, Server, authority, listening

from gateway.errors import catalog
from gateway.errors.failure import FailureKind

JSON = {"content-type": "application/fhir+json"}
UNKNOWN_SITE = BASE.replace("/sites/0", "/sites/f")
Provoked = Callable[[Failing], httpx.Response]


def get(path: str, **headers: str) -> Provoked:
    return lambda failing: failing.ask("GET", path, headers=KEY | headers)


def post(path: str, content: bytes, **headers: str) -> Provoked:
    named = KEY | JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda failing: failing.ask("POST", path, headers=named, content=content)


def faulty(path: str, **rule: object) -> Provoked:
    def provoked(failing: Failing) -> httpx.Response:
        failing.pair.fault(**rule)
        return failing.ask("GET", path)

    return provoked


def linked_elsewhere(failing: Failing) -> httpx.Response:
    links = [{"relation": "next", "url": "https://evil.example/fhir/R4/Patient?page=2"}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return faulty(f"{BASE}/Patient", kind="answer", status=200, body=bundle)(failing)


def without_a_mounted_site(failing: Failing) -> httpx.Response:
    with gateway(failing_settings(failing.pair.emulator.url, server={})) as url:
        return httpx.get(f"{url}/fhir/R4/Patient", headers=KEY, trust_env=False)


def without_an_upstream(failing: Failing) -> httpx.Response:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    with gateway(failing_settings(closed)) as url:
        return httpx.get(url + BASE + "/Patient", headers=KEY, trust_env=False)


def with_a_private_certificate(failing: Failing) -> httpx.Response:
    with TemporaryDirectory() as folder, listening(Server(), authority(Path(folder)).server()) as port:
        return asked_by_another_way(f"https://localhost:{port}")


def with_a_proxy_that_refuses(failing: Failing) -> httpx.Response:
    with listening(Proxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as port:
        return asked_by_another_way("https://upstream.example", f"http://user:Zzyzx@127.0.0.1:{port}")


def without_its_proxy(failing: Failing) -> httpx.Response:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://user:Zzyzx@127.0.0.1:{free.getsockname()[1]}"
    return asked_by_another_way("https://upstream.example", closed)


def asked_by_another_way(url: str, proxy: str | None = None, method: str = "GET") -> httpx.Response:
    settings = failing_settings(url, upstream={"url": url, "proxy": proxy})
    with gateway(settings) as own:
        content = b"" if method == "GET" else b'{"resourceType":"Patient"}'
        headers = KEY | (JSON if content else {})
        return httpx.request(
            method, own + BASE + "/Patient", headers=headers, content=content, trust_env=False, timeout=20
        )


def with_an_expired_page(failing: Failing) -> httpx.Response:
    upstream = {"url": failing.pair.emulator.url}
    with gateway(
        failing_settings(upstream["url"], upstream=upstream, paging={"link_lifetime_seconds": 1})
    ) as url:
        found = httpx.get(f"{url}{BASE}/Patient?_count=1", headers=KEY, trust_env=False).json()
        following = next(each["url"] for each in found["link"] if each["relation"] == "next")
        time.sleep(2.1)
        return httpx.get(following, headers=KEY, trust_env=False)


def with_an_invalid_resource(failing: Failing) -> httpx.Response:
    strict = failing_settings(failing.pair.emulator.url, writes={"validation": "refuse"})
    with gateway(strict) as url:
        return httpx.post(
            f"{url}{BASE}/Patient",
            headers=KEY | JSON,
            content=b'{"resourceType":"Patient","x":1}',
            trust_env=False,
        )


def with_a_long_search(failing: Failing) -> httpx.Response:
    """More overlapping alternatives than the upstream queries that one search may cost."""
    few = {"max_split_queries": 1, "max_queries_per_page": 1}
    dates = ",".join(f"20{year}-01-01" for year in range(10, 20))
    with gateway(failing_settings(failing.pair.emulator.url, search=few)) as url:
        return httpx.get(
            f"{url}{BASE}/Patient?_lastUpdated={dates}&_summary=count", headers=KEY, trust_env=False
        )


def with_an_ignored_filter(failing: Failing) -> httpx.Response:
    """The upstream's own `self` link shows that the date was dropped, and _elements hides it from us."""
    url = f"{failing.pair.emulator.url}{BASE}/Patient?_elements=name"
    entry = {"resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}}
    links = [{"relation": "self", "url": url}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": [entry]}
    path = f"{BASE}/Patient?birthdate=1980-02-29&_elements=name"
    return faulty(path, kind="answer", status=200, body=bundle)(failing)


class Broken(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError(f"Zzyzx {request.method}")


def broken_inside(failing: Failing) -> httpx.Response:
    with gateway(settings_for(failing.pair.emulator.url), transport=Broken()) as url:
        return httpx.get(f"{url}{BASE}/Patient", headers=KEY, trust_env=False)


PROVOKED: list[tuple[FailureKind, Provoked]] = [
    (catalog.BAD_REQUEST, get(f"{BASE}/Patient", Host="evil.example/path")),
    (catalog.PATH_MALFORMED, get(f"{BASE}/Patient/%zz")),
    (catalog.GUID_MALFORMED, get("/integrator/sites/no-guid/fhir/R4/Patient")),
    (catalog.WRITE_INVALID, with_an_invalid_resource),
    (catalog.BODY_UNREADABLE, post(f"{BASE}/Patient", b"[]")),
    (catalog.ETAG_WITHOUT_VERSION, post(f"{BASE}/Patient", b"{}", if_none_match='W/"gw-1"')),
    (catalog.COUNT_INVALID, get(f"{BASE}/Patient?_count=-1")),
    (catalog.DATE_SYNTAX, get(f"{BASE}/Patient?birthdate=2023-02-29")),
    (catalog.DATE_INEXPRESSIBLE, get(f"{BASE}/Patient?birthdate:exact=2023")),
    (catalog.SEARCH_TOO_BROAD, with_a_long_search),
    (catalog.CREDENTIALS_MISSING, lambda failing: failing.ask("GET", f"{BASE}/Patient", headers={})),
    (catalog.UNKNOWN_PATH, get("/nowhere")),
    (catalog.TYPE_UNKNOWN, get(f"{BASE}/Nonsense/1")),
    (catalog.SITE_NOT_MOUNTED, without_a_mounted_site),
    (catalog.SITE_ZONE_UNKNOWN, get(f"{UNKNOWN_SITE}/Patient")),
    (catalog.METHOD_NOT_ALLOWED, lambda failing: failing.ask("DELETE", f"{BASE}/Patient")),
    (catalog.NOT_ACCEPTABLE, get(f"{BASE}/Patient", accept="application/fhir+xml")),
    (catalog.BODY_TOO_LARGE, post(f"{BASE}/Patient", b" " * 2_000_001)),
    (catalog.URI_TOO_LONG, get(f"{BASE}/Patient?name={'a' * 16_001}")),
    (catalog.MEDIA_TYPE_UNSUPPORTED, post(f"{BASE}/Patient", b"<a/>", content_type="application/xml")),
    (catalog.PAGE_EXPIRED, with_an_expired_page),
    (catalog.PAGE_UNKNOWN, get(f"{BASE}/Patient?_page=forged")),
    (catalog.UPSTREAM_LINK, linked_elsewhere),
    (catalog.NOTHING_TO_EXPLAIN, post(f"{BASE}/$explain", b"{}")),
    (catalog.FILTER_IGNORED, with_an_ignored_filter),
    (catalog.GATEWAY_ERROR, broken_inside),
    (catalog.UPSTREAM_CONNECT, without_an_upstream),
    (catalog.UPSTREAM_CERTIFICATE, with_a_private_certificate),
    (catalog.PROXY_REFUSED, with_a_proxy_that_refuses),
    (catalog.PROXY_UNAVAILABLE, without_its_proxy),
    (catalog.UPSTREAM_RESET, faulty(f"{BASE}/Patient", kind="reset")),
    (catalog.UPSTREAM_RESET, faulty(f"{BASE}/Patient", kind="truncate")),
    (catalog.UPSTREAM_TIMEOUT, faulty(f"{BASE}/Patient", kind="hang")),
    (
        catalog.RESPONSE_TOO_LARGE,
        faulty(f"{BASE}/Patient", kind="answer", status=200, body='{"a":"' + "x" * 3_000_000),
    ),
]
#: A full queue is in test_resilience, the cache in test_cache, what only raw sockets can do in
#: tests/server/test_connection.py; a write's open outcome has its own file.
ELSEWHERE = {
    catalog.GATEWAY_OVERLOADED,
    catalog.NOT_CACHED,
    catalog.WRITE_OUTCOME_UNKNOWN,
    catalog.REQUEST_TIMEOUT,
    catalog.HEADERS_TOO_LARGE,
}


@pytest.mark.parametrize(("kind", "provoked"), PROVOKED)
def test_every_failure_of_our_own_is_an_outcome(
    failing: Failing, kind: FailureKind, provoked: Provoked
) -> None:
    response = provoked(failing)
    issue = outcome(response, kind.status)
    assert code(issue) == kind.code
    wait = None if kind.retry_after is None else str(kind.retry_after)
    assert response.headers.get("retry-after") == wait
    assert response.headers["x-request-id"]
    assert response.headers["x-intermediary"] == "halo-gateway"


def test_change_that_a_proxy_refused_is_certainly_not_made(failing: Failing) -> None:
    with listening(Proxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as port:
        proxy = f"http://user:Zzyzx@127.0.0.1:{port}"
        with capture_logs() as lines:
            response = asked_by_another_way("https://upstream.example", proxy, "POST")
    issue = outcome(response, 502)
    assert code(issue) == catalog.PROXY_REFUSED.code
    assert "proxy-status=407" in issue["diagnostics"]
    assert "Zzyzx" not in response.text + str(lines)


def test_every_kind_of_our_own_is_provoked() -> None:
    ours = {each for each in vars(catalog).values() if isinstance(each, FailureKind)}
    assert ours - ELSEWHERE == {kind for kind, _ in PROVOKED}


def test_a_bug_gives_a_reference_number_that_is_in_the_log_and_nothing_else(failing: Failing) -> None:
    with capture_logs() as lines:
        response = broken_inside(failing)
    (line,) = [
        each for each in lines if each["event"] == "unhandled-exception" and each["log_level"] == "error"
    ]
    assert outcome(response, 500)["diagnostics"] == f"reference={line['reference']}"
    assert "Zzyzx" not in response.text + str(line)


def test_a_missing_credential_says_how_to_log_in(failing: Failing) -> None:
    response = failing.ask("GET", f"{BASE}/Patient", headers={})
    assert response.headers["www-authenticate"].startswith("AzureApiManagementKey")
    desktop = failing.ask("GET", BASE.replace("integrator", "desktop") + "/Patient", headers={})
    assert desktop.headers["www-authenticate"].startswith("Bearer")


def test_head_of_a_failure_has_its_headers_and_no_body(failing: Failing) -> None:
    failing.pair.fault(kind="offline")
    response = failing.ask("HEAD", f"{BASE}/Patient")
    assert (response.status_code, response.content, response.headers["retry-after"]) == (503, b"", "300")
