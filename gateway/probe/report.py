"""Report of a probe: settings as TOML with the evidence in comments, and warnings of changes.

It contains only counts, names and conclusions, no values or ids of records.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.probe.finding import Finding, Section, SettingValue
from gateway.probe.inference import engine_version, infer_findings
from gateway.probe.known_issues import changed_issues, known_issue_lines
from gateway.probe.notes import behaviour_notes
from gateway.probe.run import ProbeReport
from gateway.probe.server_notes import server_notes
from gateway.settings import Settings
from gateway.settings.resolve import merged_site_settings

_SECTIONS: Final[tuple[Section, ...]] = (
    "search",
    "search.column_time_zones",
    "search.date_precision",
    "last_updated_input",
)
#: Settings of a site that the report contains.
_PROBED_SETTINGS: Final = {"search", "last_updated_input"}
_ENGINE_COMMENT: Final = re.compile(r'^#?\s*engine\s*=\s*"([^"\n]*)"', re.MULTILINE)


def render_report(report: ProbeReport, settings: Settings, previous: str = "") -> str:
    """Return the report: TOML that `gateway.settings` can load, with notes in comments.

    `previous` is the text of an earlier report, for warnings of changes.
    """
    lines = [
        *_header_lines(report),
        *(f"# WARNING: {text}" for text in change_warnings(report, settings, previous)),
    ]
    lines += [f"# {text}" for text in (*behaviour_notes(report.evidence), *server_notes(report.evidence))]
    for section in _SECTIONS:
        rows = [
            _setting_line(finding)
            for finding in infer_findings(report.evidence)
            if finding.section == section and _is_printed(finding)
        ]
        if rows:
            lines += ["", f'[sites."{report.guid}".{section}]', *rows]
    lines += known_issue_lines(report.guid, report.evidence)
    return "\n".join([*lines, ""])


def change_warnings(report: ProbeReport, settings: Settings, previous: str = "") -> list[str]:
    """Return differences from the configuration and from an earlier report.

    Raises ValueError if `previous` is not TOML.
    """
    values = {
        f"{finding.section}.{finding.key}": finding.value
        for finding in infer_findings(report.evidence)
        if finding.value is not None
    }
    current = merged_site_settings(settings, report.guid).model_dump(
        include=_PROBED_SETTINGS, exclude_unset=True
    )
    earlier = _previous_site_settings(previous, report.guid)
    return [
        *_engine_warnings(engine_version(report.evidence), previous),
        *_difference_warnings(values, dict(_flatten(current, "")), "the configuration says"),
        *_difference_warnings(values, dict(_flatten(earlier, "")), "the previous probe found"),
        *changed_issues(report.evidence, merged_site_settings(settings, report.guid).known_issues),
    ]


def _header_lines(report: ProbeReport) -> Iterator[str]:
    yield f"# halo-gateway probe: {report.requests_sent} of at most {report.budget} queries sent"
    if report.questions_left:
        left, budget = report.questions_left, report.budget + 2 * report.questions_left
        yield f"# at least {left} questions were not asked: probe again with --budget {budget}"
    if report.problem:
        yield f"# ENDED EARLY: {report.problem} The results below are from before."
    yield f'# engine = "{engine_version(report.evidence) or "unknown"}"'


def _is_printed(finding: Finding) -> bool:
    return not finding.is_default and finding.value != ()


def _setting_line(finding: Finding) -> str:
    key = finding.key if finding.section == "search" else json.dumps(finding.key)
    if finding.value is None:
        return f"# {key}: cannot tell, {finding.reason}"
    if not finding.is_certain:
        return f"# {key} = {_toml_value(finding.value)}  # only if no other values exist: {finding.reason}"
    return f"{key} = {_toml_value(finding.value)}  # {finding.reason}"


def _toml_value(value: SettingValue) -> str:
    """Return a value as TOML, in which booleans, strings and arrays are as in JSON."""
    return json.dumps(value)


def _engine_warnings(current_version: str, previous: str) -> Iterator[str]:
    match, version = _ENGINE_COMMENT.search(previous), current_version or "unknown"
    if match and match[1] != version:
        yield f"engine: now {version}, the previous probe found {match[1]}: compare all settings"


def _previous_site_settings(previous: str, guid: str) -> Mapping[str, Any]:
    try:
        sites = tomllib.loads(previous).get("sites", {})
    except tomllib.TOMLDecodeError as problem:
        raise ValueError("--previous: must be the TOML of an earlier probe") from problem
    return {name: value for name, value in sites.get(guid, {}).items() if name in _PROBED_SETTINGS}


def _flatten(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", tuple(value) if isinstance(value, list) else value


def _difference_warnings(
    new_values: Mapping[str, SettingValue], old_values: Mapping[str, Any], source: str
) -> Iterator[str]:
    for name, value in new_values.items():
        if name in old_values and old_values[name] != value:
            yield f"{name}: found {_toml_value(value)}, {source} {_toml_value(old_values[name])}"
