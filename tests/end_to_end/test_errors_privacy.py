"""A surname, a Medicare number and a key, planted wherever they can be: the gateway repeats none of them.

What counts is all we say of a failure: body, header fields, log lines down to level info, stdout and stderr.
"""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from end_to_end.failing import BASE, FHIR, TOKEN, Failing, outcome
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.upstreams import DIALECTS

SURNAME, MEDICARE, KEY = "Zzyzx", "2950 12345 1", "9d1c0ffee5ec7e70beef00112233aa55"
PLANTED = (SURNAME, MEDICARE, MEDICARE.replace(" ", ""), KEY)

#: What follows is said by an upstream, never run.
SELECT = " ".join(("SELECT * FROM", f"Patients WHERE Surname = '{SURNAME}' AND Medicare = {MEDICARE}"))
SAID = [
    f"Patient {SURNAME} ({MEDICARE}) is inactive",
    f"Login failed for user '{SURNAME}'. Key {KEY}",
    f"Invalid column name '{SURNAME}'. " + SELECT,
    f"Violation of UNIQUE KEY constraint. The duplicate key value is ({SURNAME}, {MEDICARE}).",
    f"Msg 208, Level 16: {SURNAME} {MEDICARE}; " + SELECT,
    f"Access denied for {SURNAME}: Ocp-Apim-Subscription-Key: {KEY}",
    f"family={SURNAME}&identifier={MEDICARE}&subscription-key={KEY}",
]


def shapes(said: str, status: int) -> Iterator[object]:
    """The text in every shape an upstream may give it."""
    plain = {"status": status, "statusText": said, "message": said}
    coding = {"system": f"http://x.example/{SURNAME}", "code": SURNAME}
    issue = {"severity": "error", "code": SURNAME, "location": [SURNAME], "details": {"coding": [coding]}}
    yield {"resourceType": "OperationOutcome", "issue": [issue | {"diagnostics": said}]}
    yield {"errorDetails": {"errorType": said, "errorCode": MEDICARE, "errorMessage": said}}
    yield {"errorCode": said, "errorMessage": said}
    yield {"error": plain}
    yield plain | {"exception": SURNAME, "activityId": said}
    yield {"statusCode": status, "message": said}
    yield {"ClassName": SURNAME, "Message": said}
    yield {"resultCode": said, "errorMessage": said}
    yield {"error": said}
    yield {"fault": said}
    yield f"<html><title>{said}</title><h1>{said}</h1></html>"
    yield said
    yield '{"message": "' + said


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
    "health-gorilla": f"/hg/Patient?{QUERY}",
    "halo-itsm": f"/itsm/api/{SURNAME}?{QUERY}",
}
CREDENTIALS = {"Ocp-Apim-Subscription-Key": KEY, **TOKEN, **FHIR}


def leaks(response: httpx.Response, lines: list[EventDict], printed: str = "") -> list[str]:
    """What was planted and came out."""
    said = " ".join((response.text, str(response.headers.multi_items()), str(lines), printed)).lower()
    return [each for each in PLANTED if each.lower() in said]


STATUSES = (200, 400, 401, 403, 405, 429, 500, 504)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("said", SAID)
def test_no_upstream_text_lets_anything_out(
    failing: Failing, capfd: pytest.CaptureFixture[str], dialect: str, said: str
) -> None:
    """Every text in every shape, the statuses in turn; `tests/dialects` tries them all with each other."""
    for number, body in enumerate(shapes(said, 400)):
        status = STATUSES[(number + SAID.index(said)) % len(STATUSES)]
        failing.pair.fault(kind="answer", status=status, body=body, headers=HEADERS, times=1)
        with capture_logs() as lines:
            response = failing.ask("GET", PATHS[dialect], headers=CREDENTIALS)
        if response.status_code < 400:
            assert not leaks(httpx.Response(200), lines), body
            continue
        outcome(response)
        assert not leaks(response, lines, "".join(capfd.readouterr())), body


OWN = [
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


@pytest.mark.parametrize(("method", "path", "content", "headers"), OWN)
def test_no_refusal_of_our_own_repeats_what_was_sent(
    failing: Failing, method: str, path: str, content: bytes, headers: dict[str, str]
) -> None:
    with capture_logs() as lines:
        response = failing.ask(method, path, headers=CREDENTIALS | headers, content=content)
    outcome(response)
    assert not leaks(response, lines)


@pytest.mark.parametrize("kind", ["reset", "hang", "truncate", "login-failed", "quota", "caller-ip"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_lost_connection_does_either(failing: Failing, dialect: str, kind: str) -> None:
    failing.pair.fault(kind=kind)
    with capture_logs() as lines:
        response = failing.ask("GET", PATHS[dialect], headers=CREDENTIALS)
    outcome(response)
    assert not leaks(response, lines)
