"""Known issues that a probe saw, or saw to be mended, and their settings."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal

from gateway.probe.columns import column_findings
from gateway.probe.evidence import Evidence
from gateway.probe.inference import engine_version
from gateway.probe.verdicts import has_ignored_dates
from gateway.repairs import KNOWN_ISSUES
from gateway.settings import ProbedIssues

IssueVerdict = Literal["broken", "right"]

#: Issues that have more forms than a probe sees.
_NEVER_RIGHT: Final = frozenset({"error-envelope"})
#: Patients of a sample without which no inactive one is no evidence.
_MIN_PATIENTS: Final = 20
#: Verdicts on the questions about formats of dates -> verdict on the issue.
_FORMAT_VERDICTS: Final[Mapping[tuple[str, str], IssueVerdict]] = {
    ("yes", "no"): "right",
    ("yes", "yes"): "broken",
    ("refused", "unasked"): "broken",
    ("no", "unasked"): "broken",
}


def issue_verdicts(evidence: Evidence) -> dict[str, IssueVerdict]:
    """Return verdicts by id of a known issue, in the order of the list; none if no response shows it."""
    seen = {
        (observation.issue, observation.verdict)
        for response in evidence.responses.values()
        for observation in response.observations
    }
    own: dict[str, IssueVerdict | None] = {
        "search-date-format": _date_format_verdict(evidence),
        "inactive-records": _inactive_verdict(evidence),
        "last-updated-offset": "broken" if _has_wrong_labels(evidence) else None,
    }
    verdicts = {issue.id: own.get(issue.id) or _seen_verdict(issue.id, seen) for issue in KNOWN_ISSUES}
    return {issue: verdict for issue, verdict in verdicts.items() if verdict is not None}


def known_issue_lines(guid: str, evidence: Evidence) -> list[str]:
    """Return the section of the report with the settings; empty without a verdict."""
    verdicts, engine = issue_verdicts(evidence), engine_version(evidence)
    if not verdicts:
        return []
    lines = [
        f"engine = {json.dumps(engine)}  # the findings count while the site has this version",
        f"found_at = {json.dumps(evidence.now.isoformat(timespec='seconds'))}",
        *(f"{name} = {json.dumps(_issues_with(name, verdicts))}" for name in ("broken", "right")),
    ]
    comment = "" if engine else "# "
    return ["", f'{comment}[sites."{guid}".known_issues]', *(comment + line for line in lines)]


def changed_issues(evidence: Evidence, configured: ProbedIssues) -> Iterator[str]:
    """Yield a warning for each known issue of which the configuration says the opposite."""
    before = dict.fromkeys(configured.right, "right") | dict.fromkeys(configured.broken, "broken")
    for issue, verdict in issue_verdicts(evidence).items():
        if before.get(issue, verdict) != verdict:
            yield f"known_issues: {issue} is {verdict}, the configuration says {before[issue]}"


def _issues_with(name: str, verdicts: Mapping[str, IssueVerdict]) -> list[str]:
    return [issue for issue, verdict in verdicts.items() if verdict == name]


def _seen_verdict(issue: str, seen: Collection[tuple[str, str]]) -> IssueVerdict | None:
    if (issue, "broken") in seen:
        return "broken"
    return "right" if (issue, "right") in seen and issue not in _NEVER_RIGHT else None


def _date_format_verdict(evidence: Evidence) -> IssueVerdict | None:
    """Right if other formats are accepted and applied; broken if they are refused, or change nothing."""
    if has_ignored_dates(evidence):
        return None
    asked = [evidence.verdict(name) for name in ("formats", "format")]
    accepted = next((verdict for verdict in asked if verdict != "unasked"), "unasked")
    return _FORMAT_VERDICTS.get((accepted, evidence.verdict("formats.never")))


def _inactive_verdict(evidence: Evidence) -> IssueVerdict | None:
    """Right if the search for inactive patients finds only such; unknown if a small practice has none."""
    response = evidence.responses.get("inactive")
    if response is None:
        return None
    if response.resources and all(patient.get("active") is False for patient in response.resources):
        return "right"
    has_enough = len(evidence.sample_records("Patient")) >= _MIN_PATIENTS
    return "broken" if response.is_refused or response.resources or has_enough else None


def _has_wrong_labels(evidence: Evidence) -> bool:
    labels = (finding for finding in column_findings(evidence) if finding.section == "last_updated_input")
    return any(finding.value not in {None, "ok"} for finding in labels)
