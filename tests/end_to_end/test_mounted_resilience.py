"""Circuit, rates, retries, cache and timeouts of mounted upstreams, over real sockets."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import settings_for
from structlog.testing import capture_logs
from support.mounted_upstream import DROPPED, EMPTY_PAGE, UNAVAILABLE, Answer, FakeUpstream, Sent
from support.secrets import SECRET
from support.stopwatch import Stopwatch

from gateway.app import create_app
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

FHIR = {"Accept": "application/fhir+json"}
KEY = "HG-Idempotency-Key"
#: Dialect -> path of a read below its mount.
READS = {"health-gorilla": "Patient/1", "halo-itsm": "api/tickets/1"}
DOWN = Answer(503, UNAVAILABLE)


class Mounts(NamedTuple):
    """A gateway with the mounts /hg, /other (both Health Gorilla) and /itsm, each with its upstream."""

    url: str
    hg: FakeUpstream
    other: FakeUpstream
    itsm: FakeUpstream

    def get(self, path: str, caller: str = "first", **headers: str) -> httpx.Response:
        return self.send("GET", path, caller, **headers)

    def send(
        self, method: str, path: str, caller: str = "first", content: bytes | None = None, **headers: str
    ) -> httpx.Response:
        fields = {"Authorization": f"Bearer {caller}"} if caller else {}
        fields |= {"Content-Type": "application/fhir+json"} if content else {}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(
            method,
            f"{self.url}/{path}",
            content=content,
            headers=FHIR | fields | names,
            timeout=30,
            trust_env=False,
        )

    def operator(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {SECRET}"}
        response = httpx.request(
            method, f"{self.url}/admin/{path}", headers=headers, json=body, trust_env=False
        )
        return response.raise_for_status().json()


@contextmanager
def running_mounts(*, sections: dict[str, Any] | None = None, **mount: Any) -> Iterator[Mounts]:
    """Run the gateway; `mount` are settings of the mounts /hg and /itsm."""
    with FakeUpstream() as hg, FakeUpstream() as other, FakeUpstream() as itsm, capture_logs():
        of_desk = {name: value for name, value in mount.items() if name != "cache"}
        upstreams = {
            "labs": {"url": f"{hg.url}/fhir/R4", "dialect": "health-gorilla", "path": "/hg"} | mount,
            "other": {"url": f"{other.url}/fhir/R4", "dialect": "health-gorilla", "path": "/other"},
            "twin": {"url": f"{hg.url}/fhir/R4", "dialect": "health-gorilla", "path": "/twin"},
            "desk": {"url": itsm.url, "dialect": "halo-itsm", "path": "/itsm"} | of_desk,
        }
        defaults = settings_for("http://127.0.0.1:9").model_dump()
        retry = {"budget_min_per_hour": 20, "max_wait_seconds": 8, "initial_backoff_seconds": 0.01}
        own = {"upstreams": upstreams, "retry": retry, "admin": {"token": SECRET}}
        settings = Settings.model_validate(defaults | own | (sections or {}))
        server = ThreadedServer(create_app(settings)).__enter__()
        try:
            yield Mounts(server.url, hg, other, itsm)
        finally:
            server.should_exit = True


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with running_mounts() as running:
        yield running


WITHOUT_RETRIES = {"retry": {"budget_ratio": 0, "budget_min_per_hour": 0, "max_wait_seconds": 0.5}}


def codes(response: httpx.Response) -> list[str]:
    return [coding["code"] for coding in response.json()["issue"][0]["details"]["coding"]]


@pytest.mark.parametrize(
    ("name", "path", "answer"),
    [
        ("hg", "hg/Patient/1", Answer(504, b"")),
        ("hg", "hg/Patient/1", Answer(500, UNAVAILABLE)),
        ("itsm", "itsm/api/report/1", Answer(504, b"")),
        ("itsm", "itsm/api/report/1", Answer(500, b"")),
    ],
)
def test_slow_requests_of_some_callers_stop_no_other(name: str, path: str, answer: Answer) -> None:
    with running_mounts(sections=WITHOUT_RETRIES) as mounts:
        upstream: FakeUpstream = getattr(mounts, name)
        for caller in ("first", "second"):
            assert mounts.get(path, caller).status_code == 200
        upstream.answer = lambda _: answer
        for caller in ("first", "second") * 6:
            assert mounts.get(path, caller).status_code >= 500
        upstream.answer = lambda _: Answer()
        assert mounts.get(path, "third").status_code == 200


@pytest.mark.parametrize(("name", "path"), [("hg", "hg/Patient/1"), ("itsm", "itsm/api/tickets/1")])
def test_circuit_opens_for_one_mount_only(name: str, path: str) -> None:
    with running_mounts(sections=WITHOUT_RETRIES) as mounts:
        upstream: FakeUpstream = getattr(mounts, name)
        for caller in ("first", "second"):
            assert mounts.get(path, caller).status_code == 200
        upstream.answer = lambda _: DOWN
        for caller in ("first", "second"):
            assert mounts.get(path, caller).status_code == 503
        sent = len(upstream.sent)
        refused = mounts.get(path, "third")
        assert (refused.status_code, len(upstream.sent)) == (503, sent)
        assert "upstream-circuit-open" in codes(refused)
        assert mounts.get("other/Patient/1").status_code == 200


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_failures_of_one_caller_stop_no_other(status: int) -> None:
    with running_mounts(sections=WITHOUT_RETRIES) as mounts:
        assert mounts.get("hg/Patient/1", "good").status_code == 200

        def answer(sent: Sent) -> Answer:
            return Answer() if "good" in sent.headers["authorization"] else Answer(status, UNAVAILABLE)

        mounts.hg.answer = answer
        for caller in ("bad", "worse") * 5:
            assert mounts.get("hg/Patient/1", caller).status_code >= 400
        assert mounts.get("hg/Patient/1", "good").status_code == 200


@pytest.mark.parametrize("dialect", READS)
def test_slow_answers_to_two_callers_stop_no_third(dialect: str) -> None:
    path = f"{ {'health-gorilla': 'hg', 'halo-itsm': 'itsm'}[dialect] }/{READS[dialect]}"
    with running_mounts(sections=WITHOUT_RETRIES) as mounts:
        upstream = mounts.hg if dialect == "health-gorilla" else mounts.itsm
        for caller in ("first", "second", "third"):
            assert mounts.get(path, caller).status_code == 200
        upstream.answer = lambda sent: Answer() if "third" in sent.headers["authorization"] else Answer(504)
        for caller in ("first", "second") * 4:
            mounts.get(path, caller)
        assert mounts.get(path, "third").status_code == 200


def test_operators_see_and_reset_a_mount() -> None:
    with running_mounts(sections=WITHOUT_RETRIES) as mounts:
        assert mounts.get("hg/Patient/1").status_code == 200
        mounts.hg.answer = lambda _: DOWN
        assert mounts.get("hg/Patient/1").status_code == 503
        (site,) = [each for each in mounts.operator("GET", "sites")["sites"] if each["site"] == "labs"]
        assert (site["name"], site["state"], site["reason"]) == ("labs", "open", "upstream-503")
        assert site["configured"]
        mounts.hg.answer = lambda _: Answer()
        assert mounts.operator("POST", "sites/labs/reset")["reset"] == ["circuit"]
        assert mounts.get("hg/Patient/1").status_code == 200


@pytest.mark.parametrize(
    "exhausted",
    [
        Answer(
            429, UNAVAILABLE, {"Retry-After": "20", "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0"}
        ),
        Answer(429, UNAVAILABLE, {"Retry-After": "20"}),
        Answer(200, headers={"Retry-After": "20", "X-RateLimit-Remaining": "0"}),
    ],
    ids=["429", "429 without quota", "nothing remains"],
)
def test_exhausted_quota_holds_one_caller_at_one_endpoint(mounts: Mounts, exhausted: Answer) -> None:
    mounts.hg.answer = lambda _: exhausted
    assert mounts.get("hg/Patient/1").status_code == exhausted.status
    mounts.hg.answer = lambda _: Answer()
    sent = len(mounts.hg.sent)
    held = mounts.get("hg/Patient/2")
    assert (held.status_code, len(mounts.hg.sent)) == (429, sent)
    assert 18 <= int(held.headers["retry-after"]) <= 20
    mounts.hg.answer = lambda sent: Answer(body=EMPTY_PAGE) if "?" in sent.path else Answer()
    assert mounts.get("hg/Observation?code=1").status_code == 200
    assert mounts.get("hg/Patient/1", "second").status_code == 200
    (pause,) = mounts.operator("GET", "pauses")["pauses"]
    assert pause["pause"].startswith("labs/rate-limit:")
    assert (pause["site"], pause["upstream"]) == (None, "labs")
    assert pause["pause"].endswith(":Patient")
    assert mounts.operator("POST", "pauses/clear", {"pause": pause["pause"]})["reset"] == [pause["pause"]]
    assert mounts.get("hg/Patient/2").status_code == 200


def test_throttle_of_processes_holds_no_endpoint(mounts: Mounts) -> None:
    issue = {"severity": "error", "code": "throttled", "diagnostics": "Too many concurrent p360 processes"}
    full = Answer(429, {"resourceType": "OperationOutcome", "issue": [issue]}, {"Retry-After": "60"})
    mounts.hg.answer_in_turn(full, Answer(), Answer(202, b""))
    start = partial(mounts.send, "POST", "hg/Patient/1/$p360-retrieve", content=b"{}", Prefer="respond-async")
    refused = start()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert mounts.get("hg/Patient/1").status_code == 200
    assert start().status_code == 202


def test_quota_without_a_time_holds_for_a_second(mounts: Mounts) -> None:
    mounts.hg.answer_in_turn(Answer(headers={"X-RateLimit-Remaining": "0"}), Answer())
    mounts.get("hg/Patient/1")
    with Stopwatch() as wait:
        assert mounts.get("hg/Patient/1").status_code == 200
    assert wait.elapsed > 0.5
    assert wait.seconds < 2


def test_refused_token_stops_no_other_caller_of_its_address(mounts: Mounts) -> None:
    refused = Answer(401, UNAVAILABLE)
    mounts.hg.answer = lambda sent: Answer() if sent.headers.get("authorization") == "Bearer new" else refused
    statuses = [mounts.get("hg/Patient/1", "old").status_code for _ in range(31)]
    assert statuses == [401] * 10 + [429] * 21
    assert mounts.get("hg/Patient/1", "new").status_code == 200
    tokens = [mounts.send("POST", "hg/~/oauth/token", "", b"grant_type=x").status_code for _ in range(40)]
    assert tokens == [401] * 40
    assert mounts.get("hg/Patient/1", "new").status_code == 200


@pytest.mark.parametrize("path", ["itsm/api/tickets", "hg/Patient/1"])
def test_rate_of_one_caller_is_paced(path: str) -> None:
    with running_mounts(rate_limits=[{"requests": 3, "seconds": 1}]) as mounts:
        with Stopwatch() as wait:
            assert [mounts.get(path).status_code for _ in range(4)] == [200] * 4
        assert wait.elapsed > 0.9
        assert wait.seconds < 2.5
        with Stopwatch() as wait:
            mounts.get(path, "second")
        assert wait.seconds < 0.5


def test_request_beyond_the_rate_of_minutes_is_refused_at_once() -> None:
    headers = {"Authorization": "Bearer first"}
    with running_mounts() as mounts, httpx.Client(headers=headers, trust_env=False) as client:
        for _ in range(300):
            assert client.get(f"{mounts.url}/itsm/api/tickets").status_code == 200
        refused = client.get(f"{mounts.url}/itsm/api/tickets", headers=FHIR)
        assert refused.status_code == 429
        assert 200 < int(refused.headers["retry-after"]) <= 306
        assert len(mounts.itsm.sent) == 300
        (key,) = [each for each in mounts.operator("GET", "sites")["keys"] if each["blockedUntil"]]
        assert key["upstream"] == "127.0.0.1"
        for caller in ("", "first"):
            token = mounts.send("POST", "itsm/auth/token", caller, b"grant_type=password")
            assert token.status_code == 200
        assert mounts.get("itsm/api/tickets", "second").status_code == 200


def test_requests_per_second_of_a_mount_paces_it() -> None:
    with running_mounts(requests_per_second=5, rate_limits=[]) as mounts:
        started = time.monotonic()
        for path in ("hg/Patient/1", "hg/Patient/1", "hg/Practitioner/1", "hg/Patient/1"):
            assert mounts.get(path).status_code == 200
        assert time.monotonic() - started > 0.5


@pytest.mark.parametrize("failure", [DOWN, DROPPED], ids=["503", "connection lost"])
def test_post_with_idempotency_key_is_sent_once_more(mounts: Mounts, failure: Answer) -> None:
    mounts.hg.answer_in_turn(failure, Answer(201))
    created = mounts.send("POST", "hg/Patient", content=b'{"resourceType":"Patient"}', **{KEY: "k1"})
    assert created.status_code == 201
    assert created.headers["gateway-attempts"] == "2"
    assert [sent.headers[KEY.lower()] for sent in mounts.hg.sent] == ["k1", "k1"]
    assert [sent.body for sent in mounts.hg.sent] == [b'{"resourceType":"Patient"}'] * 2


def test_post_with_idempotency_key_is_sent_at_most_twice(mounts: Mounts) -> None:
    mounts.hg.answer = lambda _: DOWN
    assert mounts.send("POST", "hg/Patient", content=b"{}", **{KEY: "k1"}).status_code >= 500
    assert len(mounts.hg.sent) == 2


def test_repeat_is_never_earlier_than_the_upstream_says(mounts: Mounts) -> None:
    mounts.hg.answer_in_turn(DOWN._replace(headers={"Retry-After": "9000"}), Answer(201))
    assert mounts.send("POST", "hg/Patient", content=b"{}", **{KEY: "k1"}).status_code >= 500
    assert len(mounts.hg.sent) == 1


def test_start_of_a_job_is_sent_once(mounts: Mounts) -> None:
    mounts.hg.answer = lambda _: DOWN
    assert mounts.get("hg/Patient/1/$everything", Prefer="respond-async").status_code == 503
    assert len(mounts.hg.sent) == 1


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "hg/Patient", {}),
        ("PUT", "hg/Patient/1", {KEY: "k1"}),
        ("DELETE", "hg/Patient/1", {KEY: "k1"}),
        ("POST", "itsm/api/tickets", {KEY: "k1"}),
    ],
)
@pytest.mark.parametrize("failure", [DOWN, DROPPED], ids=["503", "connection lost"])
def test_other_writes_are_sent_once(
    mounts: Mounts, method: str, path: str, headers: dict[str, str], failure: Answer
) -> None:
    for upstream in (mounts.hg, mounts.itsm):
        upstream.answer_in_turn(failure, Answer())
    body = None if method == "DELETE" else b'{"resourceType":"Patient","id":"1"}'
    assert mounts.send(method, path, content=body, **headers).status_code >= 500
    assert len(mounts.hg.sent) + len(mounts.itsm.sent) == 1


@pytest.mark.parametrize("path", ["hg/Patient/1", "itsm/api/tickets"])
def test_reads_are_repeated_after_a_503(mounts: Mounts, path: str) -> None:
    for upstream in (mounts.hg, mounts.itsm):
        upstream.answer_in_turn(DOWN._replace(headers={"Retry-After": "1"}), Answer())
    response = mounts.get(path)
    assert (response.status_code, response.headers["gateway-attempts"]) == (200, "2")


def cache_status(response: httpx.Response) -> str:
    return str(response.headers["cache-status"])


def test_mount_has_no_cache_unless_the_settings_say_so(mounts: Mounts) -> None:
    for _ in range(2):
        assert "fwd=bypass" in cache_status(mounts.get("hg/Patient/1"))
    assert len(mounts.hg.sent) == 2


def test_cautious_cache_serves_each_caller_its_own_response() -> None:
    with running_mounts(cache={"profile": "cautious"}) as mounts:
        assert "fwd=uri-miss" in cache_status(mounts.get("hg/Patient/1"))
        assert "; hit" in cache_status(mounts.get("hg/Patient/1"))
        assert len(mounts.hg.sent) == 1
        assert "fwd=uri-miss" in cache_status(mounts.get("hg/Patient/1", "second"))
        assert len(mounts.hg.sent) == 2
        mounts.get("other/Patient/1")
        assert len(mounts.other.sent) == 1


def test_write_through_the_mount_ends_what_is_stored() -> None:
    with running_mounts(cache={"profile": "cautious"}) as mounts:
        mounts.get("hg/Patient/1")
        body = b'{"resourceType":"Patient","id":"1"}'
        assert mounts.send("PUT", "hg/Patient/1", content=body).status_code == 200
        assert "fwd=uri-miss" in cache_status(mounts.get("hg/Patient/1"))


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "hg/Observation", Answer(202, b"")),
        ("GET", "hg/~/fhir/RequestResult/1", Answer(200, EMPTY_PAGE)),
        ("PUT", "hg/~/fhir/r4/Patient/1", Answer()),
        ("PUT", "twin/Patient/1", Answer()),
    ],
)
def test_change_beside_the_cache_ends_what_is_stored(method: str, path: str, answer: Answer) -> None:
    with running_mounts(cache={"profile": "cautious"}) as mounts:
        for _ in range(2):
            last = mounts.get("hg/Patient/1")
        assert "; hit" in cache_status(last)
        mounts.hg.answer = lambda _: answer
        body = None if method == "GET" else b'{"resourceType":"Patient","id":"1"}'
        assert mounts.send(method, path, content=body).status_code == answer.status
        mounts.hg.answer = lambda _: Answer()
        assert "fwd=uri-miss" in cache_status(mounts.get("hg/Patient/1"))


@pytest.mark.parametrize(
    ("path", "answer", "headers"),
    [
        ("hg/Patient?name=a", Answer(202, b""), {"Prefer": "respond-async"}),
        ("hg/Patient/1", Answer(), {"Prefer": "respond-async"}),
        ("hg/RequestResult/1", Answer(200, EMPTY_PAGE), {}),
        ("hg/~/fhir/RequestResult/1", Answer(200, EMPTY_PAGE), {}),
        ("hg/Binary/1", Answer(200, b"%PDF", media_type="application/pdf"), {"Accept": "*/*"}),
        ("itsm/api/tickets", Answer(), {}),
    ],
)
def test_jobs_documents_and_other_apis_are_never_stored(
    path: str, answer: Answer, headers: dict[str, str]
) -> None:
    with running_mounts(cache={"profile": "cautious"}) as mounts:
        mounts.hg.answer = lambda _: answer
        for _ in range(2):
            response = mounts.get(path, **headers)
            assert response.status_code == answer.status
            assert "fwd=bypass" in cache_status(response)
        assert len(mounts.hg.sent) + len(mounts.itsm.sent) == 2


def test_document_passes_in_its_own_media_type(mounts: Mounts) -> None:
    mounts.hg.answer = lambda _: Answer(200, b"%PDF-1.7", media_type="application/pdf")
    document = mounts.get("hg/Binary/1", Accept="*/*")
    assert (document.content, document.headers["content-type"]) == (b"%PDF-1.7", "application/pdf")


def test_timeout_is_that_of_the_mount() -> None:
    """The mount waits longer than Halo's settings and than all waits in queues together."""

    def slow(_: Sent) -> Answer:
        time.sleep(1.2)
        return Answer()

    sections = WITHOUT_RETRIES | {
        "upstream": {"url": "http://127.0.0.1:9", "timeouts": {"read": 0.2, "total": 0.3}}
    }
    with running_mounts(sections=sections, timeouts={"read": 15, "total": 20}) as mounts:
        mounts.hg.answer = slow
        assert mounts.get("hg/Patient/1").status_code == 200
    with running_mounts(sections=sections, timeouts={"read": 0.3, "total": 0.5}) as mounts:
        mounts.hg.answer = slow
        assert mounts.get("hg/Patient/1").status_code == 504


def test_requests_of_a_mount_are_in_the_ledger(mounts: Mounts) -> None:
    mounts.get("hg/Patient/1")
    rows = [row for row in mounts.operator("GET", "ledger")["rows"] if row["site"] == "labs"]
    assert [(row["type"], row["interaction"], row["queries"]) for row in rows] == [("Patient", "read", 1)]
