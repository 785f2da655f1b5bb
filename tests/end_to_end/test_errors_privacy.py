"""Privacy of error responses: a surname, a Medicare number and a key are planted and must not be repeated.

Checked for every failure: body, header fields, log lines down to level info, stdout and stderr.
"""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from end_to_end.failing_gateway import BASE, FHIR, MOUNTS, TOKEN, FailingGateway, checked_issue
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.upstreams import DIALECTS

SURNAME, MEDICARE, KEY = "Zzyzx", "2950 12345 1", "9d1c0ffee5ec7e70beef00112233aa55"
PLANTED = (SURNAME, MEDICARE, MEDICARE.replace(" ", ""), KEY)

#: Text of an upstream error; it is never executed.
SELECT = " ".join(("SELECT * FROM", f"Patients WHERE Surname = '{SURNAME}' AND Medicare = {MEDICARE}"))
UPSTREAM_TEXTS = [
    f"Patient {SURNAME} ({MEDICARE}) is inactive",
    f"Login failed for user '{SURNAME}'. Key {KEY}",
    f"Invalid column name '{SURNAME}'. " + SELECT,
    f"Violation of UNIQUE KEY constraint. The duplicate key value is ({SURNAME}, {MEDICARE}).",
    f"Msg 208, Level 16: {SURNAME} {MEDICARE}; " + SELECT,
    f"Access denied for {SURNAME}: Ocp-Apim-Subscription-Key: {KEY}",
    f"family={SURNAME}&identifier={MEDICARE}&subscription-key={KEY}",
]


def shapes(text: str, status: int) -> Iterator[object]:
    """The text in every error shape of upstreams."""
    message = {"status": status, "statusText": text, "message": text}
    coding = {"system": f"http://x.example/{SURNAME}", "code": SURNAME}
    issue = {"severity": "error", "code": SURNAME, "location": [SURNAME], "details": {"coding": [coding]}}
    yield {"resourceType": "OperationOutcome", "issue": [issue | {"diagnostics": text}]}
    yield {"errorDetails": {"errorType": text, "errorCode": MEDICARE, "errorMessage": text}}
    yield {"errorCode": text, "errorMessage": text}
    yield {"error": message}
    yield message | {"exception": SURNAME, "activityId": text}
    yield {"statusCode": status, "message": text}
    yield {"ClassName": SURNAME, "Message": text}
    yield {"resultCode": text, "errorMessage": text}
    yield {"error": text}
    yield {"fault": text}
    yield f"<html><title>{text}</title><h1>{text}</h1></html>"
    yield text
    yield '{"message": "' + text


HEADERS = {
    "content-type": f"text/plain; name={SURNAME}",
    "allow": SURNAME,
    "retry-after": f"{SURNAME} {MEDICARE}",
    "www-authenticate": f'Bearer realm="{SURNAME}"',
    "x-ratelimit-limit": MEDICARE,
    "x-request-id": f"{SURNAME} {KEY}",
    "location": f"https://x.example/{SURNAME}",
    "server": SURNAME,
}
QUERY = f"family={SURNAME}&identifier={quote(MEDICARE)}&subscription-key={KEY}"
PATHS = {
    "halo-connect": f"{BASE}/Patient?{QUERY}",
    "halo-sql": f"{BASE.replace('fhir/R4', 'queries')}/{SURNAME}?{QUERY}",
    **{name: f"{path}/Patient?{QUERY}" for name, path in MOUNTS.items()},
    "halo-itsm": f"/itsm/api/{SURNAME}?{QUERY}",
}
CREDENTIALS = {"Ocp-Apim-Subscription-Key": KEY, **TOKEN, **FHIR}


def leaks(response: httpx.Response, lines: list[EventDict], printed: str = "") -> list[str]:
    """Planted values that occur in the output."""
    output = " ".join((response.text, str(response.headers.multi_items()), str(lines), printed)).lower()
    return [value for value in PLANTED if value.lower() in output]


STATUSES = (200, 400, 401, 403, 405, 429, 500, 504)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", UPSTREAM_TEXTS)
def test_upstream_text_leaks_nothing(
    gateway: FailingGateway, capfd: pytest.CaptureFixture[str], dialect: str, text: str
) -> None:
    # Every text in every shape, with the statuses in turn; `tests/upstreams` tests all combinations.
    for number, body in enumerate(shapes(text, 400)):
        status = STATUSES[(number + UPSTREAM_TEXTS.index(text)) % len(STATUSES)]
        gateway.pair.fault(kind="answer", status=status, body=body, headers=HEADERS, times=1)
        with capture_logs() as lines:
            response = gateway.ask("GET", PATHS[dialect], headers=CREDENTIALS)
        if response.status_code < 400:
            assert not leaks(httpx.Response(200), lines), body
            continue
        checked_issue(response)
        assert not leaks(response, lines, "".join(capfd.readouterr())), body


OWN_REJECTIONS = [
    ("GET", f"{BASE}/Patient?birthdate={SURNAME}", b"", {}),
    ("GET", f"{BASE}/Patient?_page={SURNAME}{KEY}", b"", {}),
    ("GET", f"{BASE}/Patient?_format={SURNAME}", b"", {}),
    ("GET", f"{BASE}/{SURNAME}?{QUERY}", b"", {}),
    ("GET", f"{BASE}/Patient/%zz{SURNAME}?{QUERY}", b"", {}),
    ("GET", f"/integrator/sites/{SURNAME}/fhir/R4/Patient", b"", {}),
    ("GET", f"/{SURNAME}/{KEY}?{QUERY}", b"", {}),
    ("TRACE", f"{BASE}/Patient/{SURNAME}", b"", {}),
    ("GET", f"{BASE}/Patient?{QUERY}", b"", {"host": f"{SURNAME}/x"}),
    ("GET", f"{BASE}/Patient?{QUERY}", b"", {"accept": SURNAME}),
    ("POST", f"{BASE}/Patient", f'{{"family":"{SURNAME}'.encode(), {"content-type": "application/json"}),
    ("POST", f"{BASE}/Patient", SURNAME.encode(), {"content-type": f"text/{SURNAME}"}),
    (
        "POST",
        f"{BASE}/$explain",
        f'{{"parameter":"{SURNAME}"}}'.encode(),
        {"content-type": "application/json"},
    ),
]


@pytest.mark.parametrize(("method", "path", "content", "headers"), OWN_REJECTIONS)
def test_own_rejection_repeats_no_request_content(
    gateway: FailingGateway, method: str, path: str, content: bytes, headers: dict[str, str]
) -> None:
    with capture_logs() as lines:
        response = gateway.ask(method, path, headers=CREDENTIALS | headers, content=content)
    checked_issue(response)
    assert not leaks(response, lines)


@pytest.mark.parametrize("kind", ["reset", "hang", "truncate", "login-failed", "quota", "caller-ip"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_connection_failure_leaks_nothing(gateway: FailingGateway, dialect: str, kind: str) -> None:
    gateway.pair.fault(kind=kind)
    with capture_logs() as lines:
        response = gateway.ask("GET", PATHS[dialect], headers=CREDENTIALS)
    checked_issue(response)
    assert not leaks(response, lines)
