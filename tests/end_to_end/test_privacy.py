"""Privacy: a surname, a Medicare number and a subscription key pass every route and failure without leaks.

Checked: log records (of structlog and the standard library), the headers of every response, the URLs that
the gateway generates, and the text of every error of the gateway. The emulator's log lines and the resources
of the practice are not checked.
"""

import json
import logging
from typing import get_args
from urllib.parse import quote

import httpx
import pytest
from conftest import Pair
from structlog.testing import capture_logs

from gateway.emulator.injected_faults import FaultKind
from gateway.emulator.sites import BRISBANE, SYDNEY

SURNAME = "Zzyzx"
MEDICARE = "2954471371"
KEY = "other-key"
TOKEN = "bearer-zyxwv"  # noqa: S105 - synthetic
SECRETS = (SURNAME, MEDICARE, KEY, TOKEN, "zyxwv")
HEADERS = {"Ocp-Apim-Subscription-Key": KEY, "X-Correlation-Id": "c-1"}
DESKTOP = {"Authorization": f"Bearer {TOKEN}", "DeviceId": "d-1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/fhir+json"}
PATIENT = json.dumps(
    {"resourceType": "Patient", "name": [{"family": SURNAME}], "identifier": [{"value": MEDICARE}]}
).encode()
SEARCH = (
    f"family={SURNAME}&identifier={quote('http://ns.electronichealth.net.au/id/medicare-number|')}{MEDICARE}"
)
FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"

#: Method, path, headers, body: every route, with private values in each possible place.
REQUESTS: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", f"{FHIR}/Patient?{SEARCH}", {}, b""),
    ("GET", f"{FHIR}/Patient?family:exact={SURNAME}&_include=Patient:{SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient?birthdate={SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient?{SURNAME}={MEDICARE}", {}, b""),
    ("GET", f"{FHIR}/Patient?{SURNAME}:{MEDICARE}", {}, b""),
    ("GET", f"{FHIR}/Patient?_format={SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient?_page={SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient?date=2026-13&name={SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Appointment?date={SURNAME}", {}, b""),
    ("HEAD", f"{FHIR}/Patient?{SEARCH}", {}, b""),
    ("POST", f"{FHIR}/Patient/_search", FORM, SEARCH.encode()),
    ("POST", f"{FHIR}/Patient/_search", JSON, PATIENT),
    ("GET", f"{FHIR}/Patient/{SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient/{MEDICARE}/_history/{SURNAME}", {}, b""),
    ("GET", f"{FHIR}/{SURNAME}/{MEDICARE}", {}, b""),
    ("GET", f"{FHIR}/Patient/{SURNAME}%2f{MEDICARE}", {}, b""),
    ("GET", f"{FHIR}/Patient/{MEDICARE}/$summary", {}, b""),
    ("GET", f"{FHIR}/Patient/$summary?identifier={MEDICARE}", {}, b""),
    ("POST", f"{FHIR}/Patient", JSON, PATIENT),
    ("POST", f"{FHIR}/Patient", JSON, PATIENT[:-1]),
    ("POST", f"{FHIR}/Patient", {"Content-Type": f"text/{SURNAME}"}, PATIENT),
    ("PUT", f"{FHIR}/Patient/{MEDICARE}", JSON, PATIENT),
    ("PATCH", f"{FHIR}/Patient/{MEDICARE}", {"Content-Type": "application/json-patch+json"}, b'["Zzyzx"]'),
    ("DELETE", f"{FHIR}/Patient/{SURNAME}", {}, b""),
    ("POST", FHIR, JSON, PATIENT),
    ("GET", f"/fhir/R4/Patient?{SEARCH}", {}, b""),
    ("GET", f"/desktop/sites/{BRISBANE}/fhir/R4/Patient?{SEARCH}", DESKTOP, b""),
    ("GET", f"/integrator/sites/{SURNAME}/fhir/R4/Patient", {}, b""),
    ("GET", f"/integrator/sites?practiceManagementSiteId={SURNAME}", {}, b""),
    ("GET", f"/integrator/sites/{SURNAME}", {}, b""),
    ("POST", f"/integrator/sites/{SYDNEY}/queries/immediate", JSON, PATIENT),
    ("POST", f"/integrator/pair-site?pairingCode={SURNAME}", JSON, PATIENT),
    ("POST", "/integrator/token", FORM, f"device_id={SURNAME}&site_id={MEDICARE}".encode()),
    ("GET", f"/{SURNAME}/{MEDICARE}", {}, b""),
    ("POST", f"/livez?name={SURNAME}", {}, b""),
    ("GET", f"/readyz?name={SURNAME}", {}, b""),
    ("GET", f"/CodeSystem/gateway-error?_format={SURNAME}", {}, b""),
    ("GET", f"{FHIR}/Patient", {"Host": f"{SURNAME}/x"}, b""),
    ("GET", f"{FHIR}/Patient", {"Accept": f"text/{SURNAME}"}, b""),
    ("GET", f"{FHIR}/Patient/1", {"X-Request-Id": f"{SURNAME} {MEDICARE}"}, b""),
    ("GET", f"{FHIR}/Patient/1", {"User-Agent": SURNAME, "Prefer": SURNAME}, b""),
]
#: Upstream errors that repeat the request.
ECHO = f"No column '{SURNAME}' for {MEDICARE} with key {KEY} near: SELECT * FROM P WHERE N='{SURNAME}'"  # noqa: S608 - an error text
ISSUE = {"severity": "error", "code": "invalid", "diagnostics": ECHO}
ECHOES = [
    {"status": 500, "body": ECHO},
    {"status": 400, "body": {"errorCode": 5003, "errorMessage": ECHO}},
    {"status": 200, "body": {"errorCode": 5003, "errorMessage": ECHO}},
    {"status": 422, "body": {"resourceType": "OperationOutcome", "issue": [ISSUE]}},
    {"status": 404, "body": {"error": {"status": 404, "message": ECHO}}},
    {"status": 503, "body": f"<html>{ECHO}</html>", "headers": {"content-type": "text/html"}},
    {"status": 302, "headers": {"location": f"https://evil.example/?family={SURNAME}"}},
]  # fmt: skip
FAULTS = [{"kind": kind, "times": 1} for kind in get_args(FaultKind) if kind not in {"answer", "hang"}]


class Records(logging.Handler):
    """Log handler that collects all records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(
            f"{record.name} {record.getMessage()} {record.exc_text or ''} {record.exc_info or ''}"
        )


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret.lower() in text.lower()]


def send_and_collect_logs(
    pair: Pair, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[httpx.Response, str]:
    """Send a request and return the response and everything that was logged."""
    records = Records()
    loggers = [
        logging.getLogger(name) for name in ("", "uvicorn", "uvicorn.error", "aiohttp", "asyncio", "gateway")
    ]
    for logger in loggers:
        logger.addHandler(records)
    try:
        with capture_logs() as lines:
            response = httpx.request(
                method, pair.url + path, headers=HEADERS | headers, content=body, trust_env=False, timeout=30
            )
    finally:
        for logger in loggers:
            logger.removeHandler(records)
    return response, "\n".join([*map(repr, lines), *(text for text in records.texts if "httpx" not in text)])


def gateway_text(response: httpx.Response) -> str:
    """Headers of a response, and its body if it is an error of the gateway."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return headers + (
        response.text if response.status_code >= 400 and b"gateway-error" in response.content else ""
    )


@pytest.mark.parametrize(("method", "path", "headers", "body"), REQUESTS)
def test_request_leaks_nothing_into_logs_or_response(
    pair: Pair, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    response, log_text = send_and_collect_logs(pair, method, path, headers, body)
    assert leaks(log_text) == []
    assert leaks(gateway_text(response)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
@pytest.mark.parametrize(
    "path", [f"{FHIR}/Patient?{SEARCH}", f"{FHIR}/Patient/{SURNAME}", f"/integrator/sites/{SURNAME}"]
)
def test_upstream_failure_leaks_nothing(pair: Pair, fault: dict[str, object], path: str) -> None:
    pair.fault(**fault | ({"per_second": 0} if fault["kind"] == "rate-limit" else {}))
    response, log_text = send_and_collect_logs(pair, "GET", path, {}, b"")
    assert leaks(log_text) == []
    assert leaks(gateway_text(response)) == []


@pytest.mark.parametrize("echo", ECHOES, ids=lambda echo: f"{echo['status']}")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_upstream_error_that_echoes_the_request_leaks_nothing(
    pair: Pair, method: str, echo: dict[str, object]
) -> None:
    pair.fault(kind="answer", times=1, **echo)
    path, headers, body = (
        (f"Patient?{SEARCH}", {}, b"") if method == "GET" else ("Patient/_search", FORM, SEARCH.encode())
    )
    response, log_text = send_and_collect_logs(pair, method, f"{FHIR}/{path}", headers, body)
    assert response.status_code >= 400
    assert leaks(log_text) == []
    assert leaks(gateway_text(response)) == []


def test_page_links_contain_no_search_values(pair: Pair) -> None:
    # The `self` link repeats the search to the client that sent it; page links contain nothing of it.
    page = pair.ask(
        "POST",
        f"{pair.base()}/Patient/_search",
        b"name:contains=z&_count=1",
        **{"Content-Type": FORM["Content-Type"]},
    ).json()
    urls = [link["url"] for link in page["link"] if link["relation"] != "self"]
    assert urls
    assert all("contains" not in url and "name" not in url for url in urls)


def test_client_disconnect_leaks_nothing(pair: Pair) -> None:
    pair.fault(kind="delay", delay=2, times=1)
    with pytest.raises(httpx.ReadTimeout), capture_logs() as lines:
        httpx.get(f"{pair.url}{FHIR}/Patient?{SEARCH}", headers=HEADERS, timeout=0.2, trust_env=False)
    pair.get("Patient/1")
    assert leaks(repr(lines)) == []


def test_leak_check_detects_leaks(pair: Pair) -> None:
    response, log_text = send_and_collect_logs(pair, "GET", f"{FHIR}/Patient?{SEARCH}", {}, b"")
    assert "request" in log_text
    assert SURNAME in response.text
    assert leaks(f"x{SURNAME.upper()}x") == [SURNAME]


def batch_entry(method: str, url: str, resource: object = None, **conditions: str) -> dict[str, object]:
    entry: dict[str, object] = {"request": {"method": method, "url": url} | conditions}
    return entry | ({"resource": resource} if resource else {})


BATCH = [
    *(batch_entry(method, path.removeprefix(FHIR)) for method, path, *_ in REQUESTS if path.startswith(FHIR)),
    batch_entry("POST", "Patient", json.loads(PATIENT), ifNoneExist=SEARCH),
    batch_entry("PUT", f"Patient/{MEDICARE}", json.loads(PATIENT), ifMatch=f'W/"{SURNAME}"\r\n'),
    batch_entry("GET", f"https://{SURNAME}.example/{MEDICARE}"),
    batch_entry(SURNAME, "Patient/1"),
    batch_entry("GET", f"Slot/$find-free?{SURNAME}=2026-07-01T00:00:00.5Z"),
    batch_entry("POST", f"Patient/_search?{SEARCH}"),
]


@pytest.mark.parametrize("entry", BATCH, ids=range(len(BATCH)))
def test_batch_leaks_nothing(pair: Pair, entry: dict[str, object]) -> None:
    """The outcome of each entry is the gateway's; the resources are the practice's."""
    body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [entry] * 2}).encode()
    response, log_text = send_and_collect_logs(pair, "POST", FHIR, JSON, body)
    assert leaks(log_text) == []
    assert leaks(gateway_text(response)) == []
    outcomes = [found["response"] for found in response.json().get("entry", [])]
    assert leaks(json.dumps(outcomes)) == []
