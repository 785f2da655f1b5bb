"""Settings that follow from the responses of a probe, with their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.dates.registry import date_parameter
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.probe.columns import column_findings, precision_findings
from gateway.probe.evidence import Evidence
from gateway.probe.finding import Finding
from gateway.probe.verdicts import can_repeat_parameters, has_ignored_dates

_REASON_NOT_ASKED: Final = "not asked: no suitable record, or the budget is too small"
_REASON_REPEATS_UNSUPPORTED: Final = (
    "the question needs two conditions on one parameter, which the site does not support"
)
_REASON_UNKNOWN_BEHAVIOUR: Final = "the responses match no known behaviour"
_REASON_DATES_IGNORED: Final = "the site ignores date conditions"

_VerdictSet = Mapping[str, str]


@dataclass(frozen=True)
class _SettingCase:
    """Value of a setting, its reason, and the sets of verdicts that show it, as `question=verdict ...`."""

    value: bool | str
    reason: str
    verdict_texts: tuple[str, ...]

    @property
    def verdict_sets(self) -> tuple[_VerdictSet, ...]:
        return tuple(dict(pair.split("=") for pair in text.split()) for text in self.verdict_texts)

    def is_supported_by(self, evidence: Evidence) -> bool:
        return any(
            all(evidence.verdict(question) == verdict for question, verdict in verdicts.items())
            for verdicts in self.verdict_sets
        )


_SETTING_CASES: Final[Mapping[str, tuple[_SettingCase, ...]]] = {
    "supports_repeated_parameter": (
        _SettingCase(True, "contradictory conditions matched nothing", ("repeats=no",)),
        _SettingCase(
            False,
            "one of the contradictory conditions was ignored",
            ("repeats=yes before=no", "repeats=yes after=no"),
        ),
        _SettingCase(False, "a repeated parameter is refused", ("repeats=refused",)),
    ),
    "supports_comma_or": (
        _SettingCase(True, "a list with one true value matched", ("comma=yes",)),
        _SettingCase(False, "only one value of a list is applied", ("comma=no",)),
        _SettingCase(False, "a list is refused", ("comma=refused",)),
    ),
    "supports_sa_eb": (
        _SettingCase(
            True,
            "correct on both sides of a Period",
            (
                "period.inside=yes period.outside=no",
                "period.inside=yes period.sa=no period.eb=no",
                "period.sa-inside=yes period.eb-inside=yes period.sa=no period.eb=no",
            ),
        ),
        _SettingCase(False, "sa or eb is refused", ("period.sa=refused", "period.eb=refused")),
    ),
    "period_semantics": (
        _SettingCase("overlap", "eq matches a Period that extends beyond the value", ("period.eq=yes",)),
        _SettingCase(
            "r4",
            "both ends are compared, and eq requires the whole Period",
            (
                "period.inside=yes period.eq=no period.outside=no",
                "period.inside=yes period.eq=no period.gt=no",
                "period.ge=yes period.eq=no period.gt-inside=yes period.gt=no",
            ),
        ),
        _SettingCase("start-only", "ge in the middle of a Period does not match it", ("period.ge=no",)),
    ),
}


def infer_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Return a finding for every setting, with the value None if it is unknown."""
    if has_ignored_dates(evidence):
        return tuple(Finding("search", key, None, _REASON_DATES_IGNORED) for key in _SETTING_CASES)
    return (
        *(_setting_finding(evidence, key) for key in _SETTING_CASES),
        Finding(
            "search",
            "extra_date_parameters",
            _extra_date_parameters(evidence),
            "in the site's CapabilityStatement, not in R4",
        ),
        *column_findings(evidence),
        *precision_findings(evidence),
    )


def engine_version(evidence: Evidence) -> str:
    """Return the version of the FHIR engine in the CapabilityStatement; empty if unknown."""
    statement = evidence.capability_statement
    software = statement.get("software")
    version = statement.get("version") or (software.get("version") if isinstance(software, Mapping) else "")
    return version if isinstance(version, str) and _is_plain_name(version, ".+-_") else ""


def _setting_finding(evidence: Evidence, key: str) -> Finding:
    cases = _SETTING_CASES[key]
    supported = next((case for case in cases if case.is_supported_by(evidence)), None)
    if supported:
        return Finding("search", key, supported.value, supported.reason)
    questions = {question for case in cases for verdicts in case.verdict_sets for question in verdicts}
    if any(evidence.verdict(question) != "unasked" for question in questions):
        return Finding("search", key, None, _REASON_UNKNOWN_BEHAVIOUR)
    may_repeat = can_repeat_parameters(evidence) or evidence.verdict("repeats") == "unasked"
    return Finding("search", key, None, _REASON_NOT_ASKED if may_repeat else _REASON_REPEATS_UNSUPPORTED)


def _extra_date_parameters(evidence: Evidence) -> tuple[str, ...]:
    """Return the date parameters of the CapabilityStatement that R4 does not define."""
    names = (
        (str(resource.get("type")), str(parameter.get("name")))
        for resource in evidence.declared_resources
        for parameter in resource.get("searchParam", ())
        if parameter.get("type") == "date"
    )
    return tuple(sorted(".".join(name) for name in names if _is_extra_date_parameter(*name)))


def _is_extra_date_parameter(resource_type: str, code: str) -> bool:
    is_valid = resource_type in RESOURCE_TYPES and _is_plain_name(code, "-_") and not code[0].isdigit()
    return is_valid and date_parameter(resource_type, code) is None


def _is_plain_name(text: str, punctuation: str) -> bool:
    """Whether a name or version has only safe characters, so that a report may contain it."""
    is_safe = all(letter.isascii() and (letter.isalnum() or letter in punctuation) for letter in text)
    return is_safe and 0 < len(text) < 64 and text[0] not in punctuation  # noqa: PLR2004 - FHIR's longest id
