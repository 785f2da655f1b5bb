"""What follows from the answers of a probe: settings with their evidence, or that nothing can be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.dates.registry import date_parameter
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.probe.columns import column_findings, precision_findings
from gateway.probe.evidence import Evidence
from gateway.probe.finding import Finding
from gateway.probe.verdicts import can_repeat_parameters, has_ignored_dates

_REASON_NOT_ASKED: Final = "not asked, for want of a suitable record or of budget"
_REASON_REPEATS_UNSUPPORTED: Final = (
    "asking needs two conditions on one parameter, which this site does not take"
)
_REASON_UNKNOWN_BEHAVIOUR: Final = "the answers fit no known behaviour"
_REASON_DATES_IGNORED: Final = "date conditions are not applied at all"

_VerdictSet = Mapping[str, str]


@dataclass(frozen=True)
class _SettingCase:
    """A setting's value, in words why, and the sets of answers that show it, as `question=verdict ...`."""

    value: bool | str
    reason: str
    verdict_texts: tuple[str, ...]

    @property
    def verdict_sets(self) -> tuple[_VerdictSet, ...]:
        return tuple(dict(cell.split("=") for cell in text.split()) for text in self.verdict_texts)

    def is_supported_by(self, evidence: Evidence) -> bool:
        return any(
            all(evidence.verdict(question) == wanted for question, wanted in each.items())
            for each in self.verdict_sets
        )


_SETTING_CASES: Final[Mapping[str, tuple[_SettingCase, ...]]] = {
    "supports_repeated_parameter": (
        _SettingCase(True, "contradicting conditions found nothing", ("repeats=no",)),
        _SettingCase(
            False,
            "one of contradicting conditions was ignored",
            ("repeats=yes before=no", "repeats=yes after=no"),
        ),
        _SettingCase(False, "a parameter given twice is refused", ("repeats=refused",)),
    ),
    "supports_comma_or": (
        _SettingCase(True, "one true value among false ones was enough", ("comma=yes",)),
        _SettingCase(False, "only one value of a list counts", ("comma=no",)),
        _SettingCase(False, "a list is refused", ("comma=refused",)),
    ),
    "supports_sa_eb": (
        _SettingCase(
            True,
            "right on both sides of a Period",
            (
                "period.inside=yes period.outside=no",
                "period.inside=yes period.sa=no period.eb=no",
                "period.sa-inside=yes period.eb-inside=yes period.sa=no period.eb=no",
            ),
        ),
        _SettingCase(False, "one of them is refused", ("period.sa=refused", "period.eb=refused")),
    ),
    "period_semantics": (
        _SettingCase("overlap", "eq finds a Period that reaches beyond it", ("period.eq=yes",)),
        _SettingCase(
            "r4",
            "both ends are compared, and eq wants the whole Period",
            (
                "period.inside=yes period.eq=no period.outside=no",
                "period.inside=yes period.eq=no period.gt=no",
                "period.ge=yes period.eq=no period.gt-inside=yes period.gt=no",
            ),
        ),
        _SettingCase("start-only", "ge in the middle of a Period does not find it", ("period.ge=no",)),
    ),
}


def infer_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Every setting the answers speak of, those that cannot be told included."""
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
    """The version of the site's FHIR engine by its CapabilityStatement; empty where unknown."""
    stated = evidence.capability_statement
    software = stated.get("software")
    version = stated.get("version") or (software.get("version") if isinstance(software, Mapping) else "")
    return version if isinstance(version, str) and _is_plain_name(version, ".+-_") else ""


def _setting_finding(evidence: Evidence, key: str) -> Finding:
    case = next((each for each in _SETTING_CASES[key] if each.is_supported_by(evidence)), None)
    if case:
        return Finding("search", key, case.value, case.reason)
    questions = {name for each in _SETTING_CASES[key] for answers in each.verdict_sets for name in answers}
    if any(evidence.verdict(name) != "unasked" for name in questions):
        return Finding("search", key, None, _REASON_UNKNOWN_BEHAVIOUR)
    possible = can_repeat_parameters(evidence) or evidence.verdict("repeats") == "unasked"
    return Finding("search", key, None, _REASON_NOT_ASKED if possible else _REASON_REPEATS_UNSUPPORTED)


def _extra_date_parameters(evidence: Evidence) -> tuple[str, ...]:
    """The date parameters of the CapabilityStatement that R4's registry does not have."""
    names = (
        (str(kind.get("type")), str(each.get("name")))
        for kind in evidence.declared_resources
        for each in kind.get("searchParam", ())
        if each.get("type") == "date"
    )
    return tuple(sorted(f"{kind}.{code}" for kind, code in names if _is_extra_date_parameter(kind, code)))


def _is_extra_date_parameter(resource_type: str, code: str) -> bool:
    named = resource_type in RESOURCE_TYPES and _is_plain_name(code, "-_") and not code[0].isdigit()
    return named and date_parameter(resource_type, code) is None


def _is_plain_name(text: str, punctuation: str) -> bool:
    """Whether a name or version is one, and not something to be kept out of a report."""
    letters = all(each.isascii() and (each.isalnum() or each in punctuation) for each in text)
    return letters and 0 < len(text) < 64 and text[0] not in punctuation  # noqa: PLR2004 - FHIR's longest id
