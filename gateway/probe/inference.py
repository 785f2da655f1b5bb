"""What follows from the answers of a probe: settings with their evidence, or that nothing can be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.dates.registry import date_parameter
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.probe.columns import column_findings, precision_findings
from gateway.probe.evidence import Known
from gateway.probe.finding import Finding
from gateway.probe.verdicts import dropped, joins

_UNASKED: Final = "not asked, for want of a suitable record or of budget"
_NOT_JOINED: Final = "asking needs two conditions on one parameter, which this site does not take"
_UNFIT: Final = "the answers fit no known behaviour"
_DROPPED: Final = "date conditions are not applied at all"

_Answers = Mapping[str, str]


@dataclass(frozen=True)
class _Case:
    """A setting's value, in words why, and the sets of answers that show it, as `question=verdict ...`."""

    value: bool | str
    why: str
    answers: tuple[str, ...]

    @property
    def alternatives(self) -> tuple[_Answers, ...]:
        return tuple(dict(cell.split("=") for cell in text.split()) for text in self.answers)

    def holds(self, known: Known) -> bool:
        return any(
            all(known.verdict(question) == wanted for question, wanted in each.items())
            for each in self.alternatives
        )


_CASES: Final[Mapping[str, tuple[_Case, ...]]] = {
    "repeats": (
        _Case(True, "contradicting conditions found nothing", ("repeats=no",)),
        _Case(
            False,
            "one of contradicting conditions was ignored",
            ("repeats=yes before=no", "repeats=yes after=no"),
        ),
        _Case(False, "a parameter given twice is refused", ("repeats=refused",)),
    ),
    "comma": (
        _Case(True, "one true value among false ones was enough", ("comma=yes",)),
        _Case(False, "only one value of a list counts", ("comma=no",)),
        _Case(False, "a list is refused", ("comma=refused",)),
    ),
    "sa_eb": (
        _Case(
            True,
            "right on both sides of a Period",
            (
                "period.inside=yes period.outside=no",
                "period.inside=yes period.sa=no period.eb=no",
                "period.sa-inside=yes period.eb-inside=yes period.sa=no period.eb=no",
            ),
        ),
        _Case(False, "one of them is refused", ("period.sa=refused", "period.eb=refused")),
    ),
    "period": (
        _Case("overlap", "eq finds a Period that reaches beyond it", ("period.eq=yes",)),
        _Case(
            "r4",
            "both ends are compared, and eq wants the whole Period",
            (
                "period.inside=yes period.eq=no period.outside=no",
                "period.inside=yes period.eq=no period.gt=no",
                "period.ge=yes period.eq=no period.gt-inside=yes period.gt=no",
            ),
        ),
        _Case("start-only", "ge in the middle of a Period does not find it", ("period.ge=no",)),
    ),
}


def findings(known: Known) -> tuple[Finding, ...]:
    """Every setting the answers speak of, those that cannot be told included."""
    if dropped(known):
        return tuple(Finding("search", key, None, _DROPPED) for key in _CASES)
    return (
        *(_found(known, key) for key in _CASES),
        Finding("search", "dates", _declared(known), "in the site's CapabilityStatement, not in R4"),
        *column_findings(known),
        *precision_findings(known),
    )


def engine(known: Known) -> str:
    """The version of the site's FHIR engine by its CapabilityStatement; empty where unknown."""
    stated = known.capabilities
    software = stated.get("software")
    version = stated.get("version") or (software.get("version") if isinstance(software, Mapping) else "")
    return version if isinstance(version, str) and _is_plain(version, ".+-_") else ""


def _found(known: Known, key: str) -> Finding:
    case = next((each for each in _CASES[key] if each.holds(known)), None)
    if case:
        return Finding("search", key, case.value, case.why)
    questions = {name for each in _CASES[key] for answers in each.alternatives for name in answers}
    if any(known.verdict(name) != "unasked" for name in questions):
        return Finding("search", key, None, _UNFIT)
    possible = joins(known) or known.verdict("repeats") == "unasked"
    return Finding("search", key, None, _UNASKED if possible else _NOT_JOINED)


def _declared(known: Known) -> tuple[str, ...]:
    """The date parameters of the CapabilityStatement that R4's registry does not have."""
    names = (
        (str(kind.get("type")), str(each.get("name")))
        for kind in known.declared
        for each in kind.get("searchParam", ())
        if each.get("type") == "date"
    )
    return tuple(sorted(f"{kind}.{code}" for kind, code in names if _is_new(kind, code)))


def _is_new(kind: str, code: str) -> bool:
    named = kind in RESOURCE_TYPES and _is_plain(code, "-_") and not code[0].isdigit()
    return named and date_parameter(kind, code) is None


def _is_plain(text: str, marks: str) -> bool:
    """Whether a name or version is one, and not something to be kept out of a report."""
    letters = all(each.isascii() and (each.isalnum() or each in marks) for each in text)
    return letters and 0 < len(text) < 64 and text[0] not in marks  # noqa: PLR2004 - FHIR's longest id
