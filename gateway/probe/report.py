"""A probe's report as TOML settings with the evidence in comments, and warnings of what changed.

Only counts, names and conclusions: no value, no id of any record.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.probe.finding import Finding, Section, SettingValue
from gateway.probe.inference import engine_version, infer_findings
from gateway.probe.notes import behaviour_notes
from gateway.probe.run import ProbeReport
from gateway.settings import Settings
from gateway.settings.resolve import merged_site_settings

_SECTIONS: Final[tuple[Section, ...]] = (
    "search",
    "search.column_time_zones",
    "search.date_precision",
    "last_updated_input",
)
_ENGINE_COMMENT: Final = re.compile(r'^#?\s*engine\s*=\s*"([^"\n]*)"', re.MULTILINE)


def render_report(report: ProbeReport, settings: Settings, previous: str = "") -> str:
    """The settings to write, as TOML that `gateway.settings` loads; all else in comments.

    `previous` is the text of an earlier report, to tell what changed since.
    """
    lines = [
        *_header_lines(report),
        *(f"# WARNING: {text}" for text in change_warnings(report, settings, previous)),
    ]
    lines += [f"# {text}" for text in behaviour_notes(report.evidence)]
    for section in _SECTIONS:
        rows = [
            _setting_line(each)
            for each in infer_findings(report.evidence)
            if each.section == section and _is_printed(each)
        ]
        if rows:
            lines += ["", f'[sites."{report.guid}".{section}]', *rows]
    return "\n".join([*lines, ""])


def change_warnings(report: ProbeReport, settings: Settings, previous: str = "") -> list[str]:
    """What differs from the configuration and from an earlier report: names and conclusions.

    Raises ValueError where `previous` is not TOML.
    """
    found = {
        f"{each.section}.{each.key}": each.value
        for each in infer_findings(report.evidence)
        if each.value is not None
    }
    own = merged_site_settings(settings, report.guid).model_dump(
        include={"search", "last_updated_input"}, exclude_unset=True
    )
    return [
        *_engine_warnings(engine_version(report.evidence), previous),
        *_difference_warnings(found, dict(_flatten(own, "")), "the configuration says"),
        *_difference_warnings(
            found,
            dict(_flatten(_previous_site_settings(previous, report.guid), "")),
            "the previous probe found",
        ),
    ]


def _header_lines(report: ProbeReport) -> Iterator[str]:
    yield f"# halo-gateway probe: {report.requests_sent} of at most {report.budget} queries asked"
    if report.questions_left:
        enough = report.budget + 2 * report.questions_left
        yield f"# questions were left: at least {report.questions_left}; probe again with --budget {enough}"
    if report.problem:
        yield f"# ENDED EARLY: {report.problem} What follows was learnt before."
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
    """A value as TOML: JSON's booleans, strings and arrays are the same there."""
    return json.dumps(value)


def _engine_warnings(current_version: str, previous: str) -> Iterator[str]:
    before = _ENGINE_COMMENT.search(previous)
    if before and before[1] != (current_version or "unknown"):
        now = current_version or "unknown"
        yield f"engine: now {now}, the previous probe found {before[1]}: compare all settings"


def _previous_site_settings(previous: str, guid: str) -> Mapping[str, Any]:
    try:
        sites = tomllib.loads(previous).get("sites", {})
    except tomllib.TOMLDecodeError as problem:
        raise ValueError("--previous: not the TOML of an earlier probe") from problem
    return {
        name: value for name, value in sites.get(guid, {}).items() if name in {"search", "last_updated_input"}
    }


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
