"""A probe's report as TOML settings with the evidence in comments, and warnings of what changed.

Only counts, names and conclusions: no value, no id of any record.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.probe.finding import Finding, Section, Value
from gateway.probe.inference import engine, findings
from gateway.probe.notes import notes
from gateway.probe.run import Report
from gateway.settings import Settings
from gateway.settings.resolve import chosen

_SECTIONS: Final[tuple[Section, ...]] = ("search", "search.columns", "search.precision", "last_updated")
_ENGINE: Final = re.compile(r'^#?\s*engine\s*=\s*"([^"\n]*)"', re.MULTILINE)


def printed(report: Report, settings: Settings, previous: str = "") -> str:
    """The settings to write, as TOML that `gateway.settings` loads; all else in comments.

    `previous` is the text of an earlier report, to tell what changed since.
    """
    lines = [*_head(report), *(f"# WARNING: {text}" for text in warnings(report, settings, previous))]
    lines += [f"# {text}" for text in notes(report.known)]
    for section in _SECTIONS:
        rows = [_line(each) for each in findings(report.known) if each.section == section and _shown(each)]
        if rows:
            lines += ["", f'[sites."{report.guid}".{section}]', *rows]
    return "\n".join([*lines, ""])


def warnings(report: Report, settings: Settings, previous: str = "") -> list[str]:
    """What differs from the configuration and from an earlier report: names and conclusions.

    Raises ValueError where `previous` is not TOML.
    """
    found = {
        f"{each.section}.{each.key}": each.value for each in findings(report.known) if each.value is not None
    }
    own = chosen(settings, report.guid).model_dump(include={"search", "last_updated"}, exclude_unset=True)
    return [
        *_engines(engine(report.known), previous),
        *_differences(found, dict(_flat(own, "")), "the configuration says"),
        *_differences(found, dict(_flat(_site(previous, report.guid), "")), "the previous probe found"),
    ]


def _head(report: Report) -> Iterator[str]:
    yield f"# halo-gateway probe: {report.asked} of at most {report.budget} queries asked"
    if report.left:
        enough = report.budget + 2 * report.left
        yield f"# questions were left: at least {report.left}; probe again with --budget {enough}"
    if report.problem:
        yield f"# ENDED EARLY: {report.problem} What follows was learnt before."
    yield f'# engine = "{engine(report.known) or "unknown"}"'


def _shown(each: Finding) -> bool:
    return not each.default and each.value != ()


def _line(each: Finding) -> str:
    key = each.key if each.section == "search" else json.dumps(each.key)
    if each.value is None:
        return f"# {key}: cannot tell, {each.why}"
    if not each.certain:
        return f"# {key} = {_toml(each.value)}  # only if no other values exist: {each.why}"
    return f"{key} = {_toml(each.value)}  # {each.why}"


def _toml(value: Value) -> str:
    """A value as TOML: JSON's booleans, strings and arrays are the same there."""
    return json.dumps(value)


def _engines(now: str, previous: str) -> Iterator[str]:
    before = _ENGINE.search(previous)
    if before and before[1] != (now or "unknown"):
        yield f"engine: now {now or 'unknown'}, the previous probe found {before[1]}: compare all settings"


def _site(previous: str, guid: str) -> Mapping[str, Any]:
    try:
        sites = tomllib.loads(previous).get("sites", {})
    except tomllib.TOMLDecodeError as problem:
        raise ValueError("--previous: not the TOML of an earlier probe") from problem
    return {name: value for name, value in sites.get(guid, {}).items() if name in {"search", "last_updated"}}


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", tuple(value) if isinstance(value, list) else value


def _differences(found: Mapping[str, Value], held: Mapping[str, Any], who: str) -> Iterator[str]:
    for name, value in found.items():
        if name in held and held[name] != value:
            yield f"{name}: found {_toml(value)}, {who} {_toml(held[name])}"
