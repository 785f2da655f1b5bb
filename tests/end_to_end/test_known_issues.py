"""Whether the upstream still shows its known issues, learned from traffic, over real sockets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Pair, settings_for
from support.secrets import SECRET

from gateway.app import create_app
from gateway.cli.commands import main
from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.settings import DOCUMENTED_FAULTS
from gateway.emulator.sites import BRISBANE
from gateway.repairs import KNOWN_ISSUES
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin

#: Issues that only a probe or a SQL query shows.
UNSEEN = {"search-date-format", "sql-parameter-conversion"}


class Practice:
    """A practice behind a gateway whose clock a test can advance."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.url = ""
        self._lead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._lead

    def wait(self, **duration: float) -> None:
        self._lead += timedelta(**duration)

    def mend(self) -> None:
        """The vendor mends every issue; the engine keeps its version."""
        self.pair.settings(faults=dict.fromkeys(DOCUMENTED_FAULTS, False))
        self.wait(hours=1)

    def get(self, path: str) -> Any:
        return self.pair.ask("GET", f"{self.url}/integrator/sites/{BRISBANE}/fhir/R4/{path}")

    def send_traffic(self) -> None:
        """Send what an app sends: metadata, pages with includes, a read of a resource that is too large."""
        for path in (
            "metadata",
            "Patient?_count=1000",
            "Appointment?date=ge2026-01-01&_include=Appointment:patient&_count=5",
            "Condition?_count=5",
            "Observation?_count=5",
            *filter(None, (fault.example for fault in RESOURCE_FAULTS.values())),
        ):
            self.get(path)
        self.pair.fault(kind="too-large", path=r"Patient/1\?", times=1)
        self.get("Patient/1")

    def known_issues(self) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {SECRET}"}
        body = self.pair.ask("GET", f"{self.url}/admin/sites?site={BRISBANE}", **headers).json()
        found: dict[str, Any] = body["sites"][0]["knownIssues"]
        return found

    def states(self) -> dict[str, str]:
        return {each["issue"]: each["state"] for each in self.known_issues()["issues"]}


@pytest.fixture
def practice(pair: Pair) -> Iterator[Practice]:
    found = Practice(pair)
    settings = settings_for(pair.emulator.url).model_copy(
        update={"admin": Admin.model_validate({"token": SECRET})}
    )
    with ThreadedServer(create_app(settings, now=found.now)) as gateway:
        found.url = gateway.url
        yield found


def states_with(**changes: str) -> dict[str, str]:
    """States of all issues: `unknown` where answers cannot show it, else as given."""
    default = changes.pop("seen")
    states = {issue.id: "unknown" if issue.id in UNSEEN else default for issue in KNOWN_ISSUES}
    return states | {name.replace("_", "-"): state for name, state in changes.items()}


def test_same_traffic_shows_issues_and_then_that_they_are_mended(practice: Practice) -> None:
    assert set(practice.states().values()) == {"unknown"}
    practice.send_traffic()
    assert practice.states() == states_with(seen="broken", inactive_records="unknown")
    practice.mend()
    practice.send_traffic()
    practice.get("Patient?active=false")
    assert practice.states() == states_with(seen="right", response_size_limit="broken")
    issues = practice.known_issues()
    assert issues["engine"]
    assert all(each["since"] > "2026" for each in issues["issues"] if each["state"] == "right")


def test_new_engine_version_makes_states_unknown(practice: Practice) -> None:
    practice.send_traffic()
    statement = practice.pair.straight("metadata", BRISBANE).json()
    practice.pair.fault(path="metadata", kind="answer", status=200, body={**statement, "version": "27.101.1"})
    practice.get("metadata")
    assert practice.known_issues()["engine"] == "27.101.1"
    assert practice.states() == states_with(seen="unknown")


def test_inactive_search_is_sent_once_an_answer_proves_it(practice: Practice) -> None:
    practice.send_traffic()
    assert practice.get("Patient?active=false").status_code == 400
    practice.mend()
    assert practice.get("Patient?active=false").status_code == 400
    practice.send_traffic()
    found = practice.get("Patient?active=false").json()
    assert found["total"] > 0
    assert all(entry["resource"]["active"] is False for entry in found["entry"])
    count = practice.get("Patient?active=false&_summary=count")
    assert (count.status_code, count.json()["total"]) == (200, found["total"])
    assert practice.get("Appointment?patient:Patient.active=false").status_code == 400
    assert practice.get("Patient?active:not=true").status_code == 400
    assert practice.get("Location?status=inactive").status_code == 400


def test_empty_page_of_one_caller_ends_no_proof(practice: Practice) -> None:
    practice.mend()
    practice.send_traffic()
    assert practice.get("Patient?active=false").status_code == 200
    practice.get("Patient?active=false&_count=00")
    assert practice.get("Patient?active=false").status_code == 200
    assert practice.states()["inactive-records"] == "right"


def test_inactive_search_is_rejected_again_at_another_engine(practice: Practice) -> None:
    practice.mend()
    practice.send_traffic()
    assert practice.get("Patient?active=false").status_code == 200
    statement = practice.pair.straight("metadata", BRISBANE).json()
    practice.pair.fault(path="metadata", kind="answer", status=200, body={**statement, "version": "27.101.1"})
    practice.get("metadata")
    assert practice.get("Patient?active=false").status_code == 400


def test_inactive_record_that_is_found_proves_no_search_for_it(practice: Practice) -> None:
    """A client can write an inactive record, and the upstream may show it and still ignore `active`."""
    practice.send_traffic()
    practice.wait(minutes=1)
    patient = practice.pair.straight("Patient/1", BRISBANE).json() | {"active": False}
    entry = {"resource": patient, "search": {"mode": "match"}}
    page = {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [entry]}
    practice.pair.fault(path=r"Patient\?family", kind="answer", status=200, body=page, times=1)
    assert practice.get("Patient?family=Zzyzx").json()["entry"][0]["resource"]["active"] is False
    before = len(practice.pair.sent())
    narrow = practice.get("Patient?active=false&family=Zzyzx")
    assert (narrow.status_code, len(practice.pair.sent())) == (400, before)
    trial = practice.get("Patient?active=false")
    assert (trial.status_code, len(practice.pair.sent())) == (400, before + 1)
    assert practice.states()["inactive-records"] == "unknown"


def test_command_prints_states_of_a_practice(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", SECRET)
    practice.send_traffic()
    result = CliRunner().invoke(main, ["known-issues", "--site", BRISBANE, "--url", practice.url])
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert lines[f"{BRISBANE},"].endswith(practice.known_issues()["engine"])
    assert "broken since 2026" in lines["link-base-url"]
    assert lines["link-base-url"].endswith("traffic")
    assert "unknown" in lines["sql-parameter-conversion"]


def test_metrics_count_sites_by_issue_and_state(practice: Practice) -> None:
    practice.send_traffic()
    text = practice.pair.ask("GET", f"{practice.url}/metrics").text
    assert 'halo_gateway_known_issue_sites{issue="link-base-url",state="broken"} 1.0' in text
    assert 'halo_gateway_known_issue_sites{issue="search-date-format",state="unknown"} 3.0' in text


def test_refused_search_counts_as_fired(practice: Practice) -> None:
    practice.get("Patient/1")
    practice.get("Patient?active=false")
    text = practice.pair.ask("GET", f"{practice.url}/metrics").text
    samples = [line for line in text.splitlines() if 'repair="inactive-records"' in line]
    fired = next(line for line in samples if 'outcome="fired"' in line)
    assert fired.endswith(" 1.0")
