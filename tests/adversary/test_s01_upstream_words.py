"""Words of a client that the upstream repeats change nothing for others (strangers.md S1)."""

import ast
from pathlib import Path
from time import process_time
from urllib.parse import quote

import pytest
from conftest import ROOT, Pair

GOOD = {"Ocp_Apim_Subscription_Key": "other-key"}
DOWN = "network-related or instance-specific, try again in 24 hours"
#: Sentences by which an upstream reports a state that callers share.
SENTENCES = [
    DOWN,
    "establishing a connection to SQL Server, retry after 3600 seconds",
    "Login failed for user 'HaloIntegrator'",
    "deadlocked, lock request time out",
    "Site cannot be contacted. Site is offline.",
    "is away on that date",
    "The practice being queried is non-authoritative",
    "Caller IP address 203.0.113.9 is not allowed",
    "Out of call volume quota. Quota will be replenished in 23:12:33",
    "QueryOrphaned, results were too large (9kb)",
]


def attack(pair: Pair, path: str) -> int:
    """Status of the attacker's request; the gateway is replaced after the test."""
    pair.spoilt = True
    return pair.get(path).status_code


@pytest.mark.parametrize("words", SENTENCES)
def test_parameter_named_in_an_error_closes_nothing(pair: Pair, words: str) -> None:
    assert attack(pair, f"Slot/$find-free?{quote(words)}=1") in {400, 404}
    response = pair.get("Patient?_count=1", **GOOD)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("words", SENTENCES)
@pytest.mark.parametrize("status", [400, 403, 500, 503, 504])
def test_value_repeated_under_any_status_is_no_state(pair: Pair, status: int, words: str) -> None:
    """SQL Server's message 245 repeats a value; a proxy may repeat it under any status."""
    text = f"Conversion failed when converting the nvarchar value '{words}' to data type int."
    pair.fault(kind="answer", status=status, body={"error": {"status": status, "message": text}}, times=1)
    code = pair.get(f"Patient?identifier={quote(words)}").json()["issue"][0]["details"]["coding"][0]["code"]
    expected = {
        400: {"upstream-bad-request", "practice-value-conversion"},
        403: {"upstream-forbidden"},
        500: {"upstream-500"},
        503: {"upstream-503"},
        504: {"upstream-timeout"},
    }
    assert code in expected[status]


@pytest.mark.parametrize("words", SENTENCES)
def test_stored_value_that_another_search_quotes_closes_nothing(pair: Pair, words: str) -> None:
    """The value was stored by one client, and the error is about the search of another."""
    text = f"Conversion failed when converting the nvarchar value '{words}' to data type int."
    body = {"errorDetails": {"errorType": "mssql", "errorCode": 245, "errorMessage": text}}
    pair.fault(kind="answer", status=400, body=body, times=1)
    assert pair.get("Patient?family=x").status_code == 500
    assert pair.get("Patient?_count=1", **GOOD).status_code == 200


def test_cut_quotation_closes_nothing(pair: Pair) -> None:
    """A message is cut at 1,000 characters: its quotation may have no end."""
    text = f"Conversion failed when converting the nvarchar value '{DOWN}{' a' * 600}' to data type int."
    body = {"errorDetails": {"errorType": "mssql", "errorCode": 245, "errorMessage": text}}
    pair.fault(kind="answer", status=400, body=body, times=1)
    assert pair.get("Patient?family=x").status_code == 500


def test_many_warnings_hold_up_no_caller(pair: Pair) -> None:
    names = [f"p{number}" for number in range(190)]
    texts = [{"text": f"Argument is not supported: {name}"} for name in names]
    issues = [{"severity": "fatal", "code": "not-supported", "details": text} for text in texts]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    entry = {"resource": outcome, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    pair.fault(kind="answer", status=200, body=bundle, path="/Patient")
    started_at = process_time()
    response = pair.get("Patient?" + "&".join(f"{name}={quote('é' * 12)}" for name in names))
    assert response.status_code in {200, 400, 502}
    assert process_time() - started_at < 0.5


def test_repeated_wait_is_no_wait(pair: Pair) -> None:
    assert attack(pair, f"Slot/$find-free?{quote(DOWN)}=1") == 400
    response = pair.get(f"Slot/$find-free?{quote(DOWN)}=1")
    assert response.status_code == 400
    assert "retry-after" not in response.headers


def test_repeated_size_limit_makes_no_smaller_pages(pair: Pair) -> None:
    pair.settings(variants={"unknown_parameter": "refuse"})
    words = quote("results were too large (9kb)")
    assert attack(pair, f"Patient?{words}=1") == 400
    matches = len(pair.get("Patient", **GOOD).json()["entry"])
    pair.emulator.control("DELETE", "requests")
    assert len(pair.get("Patient?_count=20", **GOOD).json()["entry"]) == matches > 5
    assert len(pair.sent()) == 1


def test_repeated_absence_pauses_no_search(pair: Pair) -> None:
    pair.settings(variants={"unknown_parameter": "refuse"})
    search = "Appointment?practitioner=1&date=2026-05-04"
    assert attack(pair, f"{search}&{quote('is away on that date, really')}=1") == 400
    assert pair.get(search, **GOOD).status_code == 200
    assert pair.get(search).status_code == 200


#: Modules whose state callers share, and that read failures: only code, own words and waits of a failure.
_READERS = sorted(
    path
    for folder in ("resilience", "paging", "sites", "search", "cache", "ledger")
    for path in (ROOT / "gateway" / folder).rglob("*.py")
)
_TEXTS_OF_A_FAILURE = {"diagnostics", "message"}


@pytest.mark.parametrize("module", _READERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_reader_of_failures_reads_own_words_only(module: Path) -> None:
    """No shared state reads the body of a failed response, or the text that people see."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Attribute(attr="upstream_response"), attr="body"):
                assert module.name == "metering.py", ast.unparse(node)  # its size
            case ast.Attribute(value=ast.Name(id="failure"), attr=attr):
                is_stored_404 = module.name == "stored_response.py"
                assert attr not in _TEXTS_OF_A_FAILURE or is_stored_404, ast.unparse(node)
