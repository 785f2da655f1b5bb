"""Log of connection errors."""

from structlog.testing import capture_logs
from support.requests import fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.upstreams.connection_log import ConnectionLog

REQUEST = fhir_request("Patient/1", upstream_base="https://user:Zzyzx@halo.example:8443/x/fhir/R4")


def test_problem_is_logged_once_a_minute_with_its_number() -> None:
    now = [0.0]
    log = ConnectionLog("halo-connect", lambda: now[0])
    with capture_logs() as lines:
        for now[0] in (0.0, 1.0, 59.9, 60.0, 61.0):
            log.add(Failure(catalog.UPSTREAM_REFUSED), REQUEST, "ECONNREFUSED")
    assert [(line["log_level"], line["count"]) for line in lines] == [("warning", 1), ("warning", 3)]
    assert lines[0]["event"] == "upstream-connection-failed"
    assert (lines[0]["code"], lines[0]["reason"]) == ("upstream-refused", "ECONNREFUSED")
    assert lines[0]["host"] == "halo.example:8443"


def test_problem_that_an_operator_must_end_is_an_error() -> None:
    log = ConnectionLog("halo-connect", lambda: 0.0)
    with capture_logs() as lines:
        log.add(Failure(catalog.UPSTREAM_CERTIFICATE), REQUEST, "expired")
        log.add(Failure(catalog.UPSTREAM_CERTIFICATE), REQUEST, "wrong-host")
    assert [(line["log_level"], line["reason"]) for line in lines] == [
        ("error", "expired"),
        ("error", "wrong-host"),
    ]


def test_number_of_remembered_problems_is_limited() -> None:
    log = ConnectionLog("halo-connect", lambda: 0.0)
    with capture_logs():
        for number in range(1_000):
            log.add(Failure(catalog.UPSTREAM_REFUSED), REQUEST, str(number))
    assert len(log._counts) == 100
