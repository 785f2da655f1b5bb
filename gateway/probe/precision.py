"""How exact the values of date parameters are, as far as a sample can show."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gateway.dates.registry import date_parameter
from gateway.dates.support import PARTIAL, Precision
from gateway.probe.clocks import KINDS
from gateway.probe.finding import Finding
from gateway.probe.known import Known
from gateway.probe.records import DATED, shown

_ORDER: Final[tuple[Precision, ...]] = ("mixed-year", "mixed-month", "mixed-day", "frac", "second")
_BY_LENGTH: Final[dict[int, Precision]] = {4: "mixed-year", 7: "mixed-month", 10: "mixed-day"}


def precision_findings(known: Known) -> Iterator[Finding]:
    """The coarsest value seen per parameter.

    That such values exist is certain; that no others do is not, so whole seconds, and points where a Period
    may stand, are only suggested.
    """
    for kind in KINDS:
        for code in DATED.get(kind, ()):
            yield from _finding(known, kind, code)


def _finding(known: Known, kind: str, code: str) -> Iterator[Finding]:
    values = [value for resource in known.sample(kind) for value in shown(resource, kind, code)]
    parameter = date_parameter(kind, code)
    if not parameter or not values or any(path == "Period" for path, _ in values):
        return
    counts = Counter(_precision(str(value)) for _, value in values)
    coarsest = next(each for each in _ORDER if counts[each])
    why = f"{counts[coarsest]} of {len(values)} seen are so"
    certain = parameter.kind != "range" and coarsest != "second" and (kind, code) not in PARTIAL
    yield Finding("search.precision", f"{kind}.{code}", coarsest, why, certain)


def _precision(text: str) -> Precision:
    return _BY_LENGTH.get(len(text), "frac" if "." in text else "second")
