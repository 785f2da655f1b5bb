import time

import httpx
import pytest
from emulator.halo_itsm.itsm_client import OTHER_CLIENT, ItsmClient

from gateway.emulator.halo_itsm.errors import ERRORS


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_can_be_ordered_once(itsm: ItsmClient, kind: str) -> None:
    itsm.inject(kind, path="/api/tickets", times=1)
    assert itsm.send("/api/agent").status_code == 200
    response = itsm.send("/api/tickets")
    assert (response.status_code, response.content) == (ERRORS[kind].status, ERRORS[kind].body)
    assert itsm.send("/api/tickets").status_code == 200


def test_answer_fault_sends_configured_response(itsm: ItsmClient) -> None:
    itsm.inject("answer", status=418, body="tea", headers={"content-type": "text/plain"}, times=1)
    response = itsm.send("/api/tickets")
    assert (response.status_code, response.text) == (418, "tea")
    itsm.inject("answer", status=200, body={"status": 500}, times=1)
    assert itsm.json("/api/tickets") == {"status": 500}
    itsm.inject("answer", status=500, times=1)
    assert itsm.send("/api/tickets").content == b""


def test_connection_faults_break_the_response(itsm: ItsmClient) -> None:
    for kind in ("reset", "lost", "truncate"):
        itsm.inject(kind, times=1)
        with pytest.raises(httpx.TransportError):
            itsm.send("/api/tickets")
    itsm.inject("hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        itsm.send("/api/tickets", timeout=httpx.Timeout(20, read=0.1))


def test_lost_response_is_executed(itsm: ItsmClient) -> None:
    itsm.inject("lost", times=1)
    with pytest.raises(httpx.TransportError):
        itsm.save("/api/tickets", {"summary": "Zzyzx"})
    assert itsm.json("/api/tickets?search=Zzyzx")["record_count"] == 1


@pytest.mark.parametrize("kind", ["delay", "drip"])
def test_slow_response_is_whole(itsm: ItsmClient, kind: str) -> None:
    itsm.inject(kind, delay=0.2, times=1)
    start = time.monotonic()
    assert itsm.json("/api/tickets/1")["id"] == 1
    assert time.monotonic() - start >= 0.19


def test_fault_matches_method_and_client(itsm: ItsmClient) -> None:
    itsm.inject("timeout", method="POST")
    assert itsm.send("/api/tickets").status_code == 200
    assert itsm.save("/api/tickets", {"summary": "a"}).status_code == 504
    itsm.emulator.control("DELETE", "faults")
    itsm.inject("timeout", key="other-client")
    assert itsm.send("/api/tickets").status_code == 200
    itsm.use_token(**OTHER_CLIENT)
    assert itsm.send("/api/tickets").status_code == 504


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"kind": "offline"}, "known: answer"),
        ({"kind": "timeout", "site": "perth"}, "site: has no effect"),
        ({"kind": "timeout", "per_second": 2}, "per_second"),
        ({"kind": "timeout", "path": "("}, "regular expression"),
    ],
)
def test_malformed_fault_is_rejected(itsm: ItsmClient, rule: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        itsm.emulator.control("POST", "faults", rule)
