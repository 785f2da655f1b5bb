"""A refused key ends what is kept for it (strangers.md S8), also for a member of a group."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import Pair, settings_for
from end_to_end.failing_gateway import FailingGateway, run_gateway

from gateway.emulator.sites import SYDNEY
from gateway.http.callers import fingerprint
from gateway.settings import Settings

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
KEYS = {name: {"Ocp-Apim-Subscription-Key": name} for name in ("demo-key", "other-key")}
BAD_KEY = {"statusCode": 401, "message": "Access denied due to invalid subscription key."}
NO_ACCESS = {"error": {"status": 403, "message": "The practice being queried is non-authoritative."}}


def cached_settings(upstream: str, **cache: object) -> Settings:
    sections = settings_for(upstream).model_dump()
    return Settings.model_validate(sections | {"cache": {"profile": "balanced", **cache}})


@pytest.fixture
def cached(pair: Pair) -> Iterator[FailingGateway]:
    """A gateway with a cache."""
    client = httpx.Client(timeout=30, trust_env=False)
    with run_gateway(cached_settings(pair.emulator.url)) as url, client:
        yield FailingGateway(pair, url, client)


@pytest.fixture
def grouped(pair: Pair) -> Iterator[FailingGateway]:
    """A gateway whose two keys share what is kept."""
    callers = [fingerprint((("ocp-apim-subscription-key", name),)) for name in KEYS]
    settings = cached_settings(pair.emulator.url, shared_callers={"firm": callers})
    client = httpx.Client(timeout=30, trust_env=False)
    with run_gateway(settings) as url, client:
        yield FailingGateway(pair, url, client)


def read(gateway: FailingGateway, path: str, key: str = "demo-key") -> tuple[int, bool]:
    """Status, and whether the answer was kept."""
    response = gateway.ask("GET", f"{BASE}/{path}", headers=KEYS[key])
    return response.status_code, "hit" in response.headers["cache-status"]


@pytest.mark.parametrize(("status", "body"), [(401, BAD_KEY), (403, NO_ACCESS)])
def test_withdrawn_key_gets_nothing_that_was_kept(
    cached: FailingGateway, status: int, body: dict[str, object]
) -> None:
    for key in KEYS:
        for _ in range(3):  # the third is a hit that was ready
            read(cached, "Organization?_count=1", key)
    cached.pair.fault(kind="answer", status=status, body=body, key="demo-key")
    assert read(cached, "Patient/1") == (status, False)
    assert read(cached, "Organization?_count=1") == (status, False)
    assert read(cached, "Organization?_count=1", "other-key") == (200, True)


def test_withdrawn_member_gets_nothing_of_its_group(grouped: FailingGateway) -> None:
    for key in KEYS:
        for _ in range(3):
            read(grouped, "Organization?_count=1", key)
    assert read(grouped, "Organization?_count=1") == (200, True)
    grouped.pair.fault(kind="answer", status=401, body=BAD_KEY, key="demo-key")
    assert read(grouped, "Patient/1") == (401, False)
    assert read(grouped, "Organization?_count=1") == (401, False)
    assert read(grouped, "Organization?_count=1", "other-key") == (200, True)


def test_member_that_was_never_served_gets_nothing_of_its_group(grouped: FailingGateway) -> None:
    for _ in range(3):
        read(grouped, "Organization?_count=1", "other-key")
    grouped.pair.fault(kind="answer", status=401, body=BAD_KEY, key="demo-key")
    assert read(grouped, "Organization?_count=1") == (401, False)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("Subscription/1", {}),
        ("Patient/1", {"User-Agent": "my-subscription-app"}),
        ("Patient?identifier=" + "x" * 14_000, {}),
    ],
)
def test_refused_key_is_refused_whatever_words_it_sends(
    cached: FailingGateway, path: str, headers: dict[str, str]
) -> None:
    for _ in range(3):
        read(cached, "Organization?_count=1")
    cached.pair.fault(kind="answer", status=401, body=BAD_KEY, key="demo-key")
    refused = cached.ask("GET", f"{BASE}/{path}", headers=KEYS["demo-key"] | headers)
    assert refused.status_code == 401
    assert read(cached, "Organization?_count=1") == (401, False)
    assert len(cached.sent_requests("GET")) == 2


ORGANIZATION = b'{"resourceType":"Organization","id":"1"}'
TRANSACTION = b'{"resourceType":"Bundle","type":"transaction"}'
BATCH = (
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"Organization"},'
    b'"resource":%s}]}' % ORGANIZATION
)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Organization", ORGANIZATION),
        ("PUT", "/Organization/1", ORGANIZATION),
        ("POST", "", TRANSACTION),
        ("POST", "", BATCH),
    ],
)
def test_write_with_a_made_up_key_ends_nothing_kept(
    cached: FailingGateway, method: str, path: str, body: bytes
) -> None:
    for _ in range(3):
        read(cached, "Organization?_count=1")
    stranger = {"Ocp-Apim-Subscription-Key": "made-up", "Content-Type": "application/fhir+json"}
    response = cached.ask(method, BASE + path, headers=stranger, content=body)
    assert response.status_code == 401
    assert read(cached, "Organization?_count=1") == (200, True)
