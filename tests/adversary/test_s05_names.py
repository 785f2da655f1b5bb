"""Fault S5: made-up keys and GUIDs take no name, cap, series or upstream query of others."""

from collections.abc import Iterator

import httpx
import pytest
from adversary.flood import (
    HONEST,
    OTHER_HONEST,
    PATH,
    Gateway,
    changed_settings,
    made_up_guid,
    made_up_key,
    path_at,
    run_gateway,
)
from conftest import Pair
from structlog.testing import capture_logs

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.http.callers import ledger_label

ANY_SITE = {"default": {"time_zone": "Australia/Sydney"}}
CAPPED_SITE = {"default": {"time_zone": "Australia/Sydney", "caps": {"queries": 3, "reject_batch": True}}}
#: Refused by the gateway itself.
BAD_DATE = "Patient?birthdate=nonsense"
BAD_REQUEST = '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}'
TICKETS = "/itsm/api/Tickets"


def label(headers: dict[str, str]) -> str:
    return ledger_label(tuple((name.lower(), value) for name, value in headers.items()))


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    """A gateway that knows no site and no caller by name."""
    with run_gateway(pair, changed_settings(pair, sites=ANY_SITE)) as gateway:
        yield gateway


def test_made_up_keys_take_no_name_of_an_honest_caller(gateway: Gateway) -> None:
    gateway.flood((path_at(SYDNEY, BAD_DATE), made_up_key(number)) for number in range(1_100))
    assert gateway.get(headers=HONEST).status_code == 200
    assert gateway.get(headers=OTHER_HONEST).status_code == 200
    callers = {row["caller"] for row in gateway.ledger()["rows"]}
    assert callers == {"unproved", label(HONEST), label(OTHER_HONEST)}


def test_sites_keep_their_own_caps_despite_made_up_guids(pair: Pair) -> None:
    with run_gateway(pair, changed_settings(pair, sites=CAPPED_SITE)) as gateway:
        gateway.flood((path_at(made_up_guid(number), BAD_DATE), HONEST) for number in range(5_010))
        batch = HONEST | {"Priority": "u=7"}
        statuses = [gateway.get(path_at(PERTH), batch).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert gateway.get(path_at(SYDNEY), batch).status_code == 200
        assert {row["site"] for row in gateway.ledger()["rows"]} == {"unproved", PERTH, SYDNEY}


def test_made_up_keys_do_not_use_up_a_cap(pair: Pair) -> None:
    with run_gateway(pair, changed_settings(pair, sites=CAPPED_SITE)) as gateway:
        assert gateway.get().status_code == 200
        pair.fault(kind="answer", status=400, body=BAD_REQUEST, times=8)
        assert set(gateway.flood((PATH, made_up_key(number)) for number in range(8))) == {400}
        batch = HONEST | {"Priority": "u=7"}
        assert gateway.get(path_at(SYDNEY, "Patient/2"), batch).status_code == 200
        rows = [row for row in gateway.ledger()["rows"] if row["caller"] == "unproved"]
        assert sum(row["queries"] for row in rows) == 8


def test_metrics_do_not_grow_with_made_up_names(gateway: Gateway) -> None:
    gateway.get()
    gateway.flood([(path_at(made_up_guid(0), BAD_DATE), made_up_key(0)), (PATH, made_up_key(0))])
    before = len(gateway.metrics().splitlines())
    gateway.flood((path_at(made_up_guid(number)), made_up_key(number)) for number in range(1, 300))
    gateway.flood((path_at(made_up_guid(number), BAD_DATE), HONEST) for number in range(1, 300))
    assert len(gateway.metrics().splitlines()) < before + 50


def test_made_up_keys_cost_a_limited_number_of_queries(gateway: Gateway) -> None:
    statuses = gateway.flood((PATH, made_up_key(number)) for number in range(200))
    refused = gateway.get(headers=made_up_key(200))
    assert statuses[0] == 401
    assert statuses[-1] == refused.status_code == 429
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "too-many-credential-failures"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert len(gateway.pair.sent()) == statuses.count(401) <= 30


def test_proved_caller_behind_the_same_address_is_served(gateway: Gateway) -> None:
    assert gateway.get().status_code == 200
    assert gateway.flood((PATH, made_up_key(number)) for number in range(60))[-1] == 429
    assert gateway.get(path_at(SYDNEY, "Patient/2")).status_code == 200
    assert gateway.get(headers=OTHER_HONEST).status_code == 429


def test_address_behind_a_trusted_proxy_is_its_own(pair: Pair) -> None:
    settings = changed_settings(pair, server={"trusted_proxies": ["127.0.0.0/8"], "default_site": BRISBANE})
    with run_gateway(pair, settings) as gateway:
        stranger = {"X-Forwarded-For": "203.0.113.7, 198.51.100.1"}
        assert gateway.flood((PATH, made_up_key(number) | stranger) for number in range(60))[-1] == 429
        assert gateway.get(X_Forwarded_For="203.0.113.7, 198.51.100.2").status_code == 200


def test_forwarded_address_of_a_stranger_is_not_believed(gateway: Gateway) -> None:
    requests = ((PATH, made_up_key(n) | {"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(60))
    assert gateway.flood(requests)[-1] == 429


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def itsm_gateway(pair: Pair) -> Iterator[Gateway]:
    """A gateway that also mounts HaloITSM."""
    itsm = {"url": f"{pair.emulator.url}/itsm", "dialect": "halo-itsm", "path": "/itsm"}
    with run_gateway(pair, changed_settings(pair, sites=ANY_SITE, upstreams={"itsm": itsm})) as gateway:
        yield gateway


def refuse_tokens(gateway: Gateway) -> None:
    """Let HaloITSM refuse made-up tokens until the gateway sends no more."""
    gateway.pair.fault(kind="answer", status=401, body="{}", times=30)
    assert gateway.flood((TICKETS, bearer(f"made-up-{number}")) for number in range(31))[-1] == 429


def test_refusals_of_a_mounted_upstream_count_for_it_alone(itsm_gateway: Gateway) -> None:
    refuse_tokens(itsm_gateway)
    assert itsm_gateway.get().status_code == 200
    assert itsm_gateway.get(TICKETS, bearer("other")).status_code == 429


def test_api_of_a_mounted_upstream_proves_its_caller(itsm_gateway: Gateway) -> None:
    itsm_gateway.pair.fault(kind="answer", status=200, body="[]", times=1)
    assert itsm_gateway.get(TICKETS, bearer("good")).status_code == 200
    refuse_tokens(itsm_gateway)
    itsm_gateway.pair.fault(kind="answer", status=200, body="[]", times=1)
    assert itsm_gateway.get(TICKETS, bearer("good")).status_code == 200


def test_token_endpoint_of_a_mounted_upstream_proves_no_caller(itsm_gateway: Gateway) -> None:
    itsm_gateway.pair.fault(kind="answer", status=200, body="{}", times=1)
    assert itsm_gateway.get("/itsm/auth/token", bearer("made-up")).status_code == 200
    refuse_tokens(itsm_gateway)
    assert itsm_gateway.get(TICKETS, bearer("made-up")).status_code == 429


def test_metrics_are_on_the_operators_port_alone(pair: Pair) -> None:
    settings = changed_settings(pair, admin={"listen": "127.0.0.1:0"})
    with capture_logs() as lines, run_gateway(pair, settings) as gateway:
        (admin_url,) = [line["url"] for line in lines if line["event"] == "admin-listening"]
        assert httpx.get(f"{gateway.url}/metrics", trust_env=False).status_code == 404
        assert httpx.get(f"{admin_url}/metrics", trust_env=False).status_code == 200
