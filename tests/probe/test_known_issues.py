"""Known issues as a probe sees them, and their settings."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import settings_for
from probe.probing import evidence_with, probe_emulator

from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import DOCUMENTED_FAULTS
from gateway.emulator.sites import BRISBANE
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse, Verdict
from gateway.probe.known_issues import changed_issues, issue_verdicts, known_issue_lines
from gateway.probe.report import change_warnings, render_report
from gateway.probe.run import DEFAULT_BUDGET
from gateway.settings import ProbedIssues, load
from gateway.sites.issue_states import Observation

INACTIVE = {"resourceType": "Patient", "id": "1", "active": False}
ACTIVE = {"resourceType": "Patient", "id": "2", "active": True}
#: Issues that a probe can see to be mended; it calls no stored procedure.
MENDABLE = set(DOCUMENTED_FAULTS) - {"error-envelope", "sql-parameter-conversion"}
#: Issues of resources that a probe need not fetch; it sees them if its questions do.
OF_OTHER_RESOURCES = {name for name, fault in RESOURCE_FAULTS.items() if fault.example}


def evidence_of_inactive(
    *resources: Mapping[str, object], patients: int = 20, refused: bool = False
) -> Evidence:
    sample = [ACTIVE | {"id": str(number)} for number in range(patients)]
    response = ProbeResponse(ProbeRequest("Patient"), resources, is_refused=refused)
    return evidence_with(Patient=sample).with_response("inactive", response)


@pytest.mark.parametrize("are_faults_on", [True, False])
def test_probe_sees_each_issue_or_that_it_is_mended(
    emulator: RunningEmulator, tmp_path: Path, are_faults_on: bool
) -> None:
    emulator.control("PATCH", "settings", {"faults": dict.fromkeys(DOCUMENTED_FAULTS, are_faults_on)})
    report = probe_emulator(emulator, BRISBANE, DEFAULT_BUDGET)
    emulator.control("PATCH", "settings", {"faults": None})
    expected = "broken" if are_faults_on else "right"
    assert issue_verdicts(report.evidence) == dict.fromkeys(issue_verdicts(report.evidence), expected)
    assert set(issue_verdicts(report.evidence)) | OF_OTHER_RESOURCES == MENDABLE
    text = render_report(report, settings_for(emulator.url))
    (tmp_path / "gateway.toml").write_text(text)
    loaded = load(tmp_path / "gateway.toml")
    found = set(getattr(loaded.sites[BRISBANE].known_issues, expected))
    assert found | OF_OTHER_RESOURCES == MENDABLE
    assert change_warnings(report, loaded, text) == []


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (evidence_of_inactive(INACTIVE), "right"),
        (evidence_of_inactive(INACTIVE, patients=1), "right"),
        (evidence_of_inactive(INACTIVE, ACTIVE), "broken"),
        (evidence_of_inactive(), "broken"),
        (evidence_of_inactive(refused=True), "broken"),
        (evidence_of_inactive(patients=19), None),
        (evidence_with(), None),
    ],
)
def test_only_inactive_patients_prove_the_search(evidence: Evidence, verdict: str | None) -> None:
    assert issue_verdicts(evidence).get("inactive-records") == verdict


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ({"formats": "yes", "formats.never": "no"}, "right"),
        ({"format": "yes", "formats.never": "no"}, "right"),
        ({"formats": "yes", "formats.never": "yes"}, "broken"),
        ({"formats": "yes"}, None),
        ({"formats": "refused"}, "broken"),
        ({"formats": "no"}, "broken"),
        ({"before": "yes", "after": "yes", "formats": "yes", "formats.never": "no"}, None),
    ],
)
def test_formats_of_dates_must_be_accepted_and_applied(
    verdicts: dict[str, Verdict], verdict: str | None
) -> None:
    assert issue_verdicts(evidence_with(verdicts)).get("search-date-format") == verdict


def with_observations(*observations: tuple[str, str]) -> Evidence:
    seen = tuple(
        Observation(issue, "", "broken" if state == "broken" else "right") for issue, state in observations
    )
    return evidence_with().with_response("x", ProbeResponse(ProbeRequest("Patient"), observations=seen))


def test_one_broken_response_outweighs_right_ones() -> None:
    evidence = with_observations(("link-base-url", "right"), ("link-base-url", "broken"))
    assert issue_verdicts(evidence) == {"link-base-url": "broken"}


def test_errors_are_never_right_by_a_probe() -> None:
    assert issue_verdicts(with_observations(("error-envelope", "right"))) == {}
    assert issue_verdicts(with_observations(("error-envelope", "broken"))) == {"error-envelope": "broken"}


def test_findings_without_engine_are_comments() -> None:
    lines = known_issue_lines(BRISBANE, with_observations(("link-base-url", "right")))
    assert tomllib.loads("\n".join(lines)) == {}
    assert '# right = ["link-base-url"]' in lines
    assert known_issue_lines(BRISBANE, evidence_with()) == []


def test_opposite_of_the_configuration_is_a_warning() -> None:
    evidence = with_observations(("link-base-url", "right"))
    warning = "known_issues: link-base-url is right, the configuration says broken"
    assert list(changed_issues(evidence, ProbedIssues(broken=("link-base-url",)))) == [warning]
    assert list(changed_issues(evidence, ProbedIssues(right=("link-base-url",)))) == []
    assert list(changed_issues(evidence, ProbedIssues())) == []


def test_wrong_labels_that_the_probe_infers_are_broken(emulator: RunningEmulator) -> None:
    styles = {"Patient": "utc-labelled-local", "Encounter": "ok"}
    emulator.control("PATCH", "settings", {"variants": {"last_updated": styles}})
    report = probe_emulator(emulator, BRISBANE)
    assert issue_verdicts(report.evidence)["last-updated-offset"] == "broken"
    silent = replace(
        report.evidence,
        responses={name: replace(each, observations=()) for name, each in report.evidence.responses.items()},
    )
    assert issue_verdicts(silent)["last-updated-offset"] == "broken"
