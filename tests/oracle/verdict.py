"""Verdict on an answer: equal to R4's, a refusal that a server may give, or wrong."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import httpx
from oracle.answer import Answer
from oracle.models import Model
from oracle.parameters import PARAMETERS
from oracle.records import Records
from oracle.searches import Search

#: Codes of the gateway's own refusals of searches that this upstream cannot answer exactly.
REFUSALS: Final = frozenset(
    {"date-not-expressible", "search-too-broad", "upstream-ignored-filter", "inactive-records"}
)
#: Variants under which what a site shows contradicts what its settings say.
WRONG_CLOCKS: Final = frozenset({"column_zones", "last_updated"})


def judge(model: Model, records: Records, search: Search, answer: Answer) -> str:
    """What is wrong with an answer, or an empty string. A refusal is judged by `is_allowed_refusal`."""
    now = datetime.now(UTC)
    if answer.status != httpx.codes.OK or answer.problems:
        return "; ".join(answer.problems)
    if (answer.warnings and "warning" in model.permits) or (search.is_count and "count" in model.permits):
        return ""
    if "total" in model.permits and (answer.pages > 1 or search.is_count):
        answer = replace(
            answer, totals=answer.totals and {len(records.select(search.kind, search.criteria, now))}
        )
    problem = _difference(model, records, search, answer, search.criteria, now)
    kept = [part for part in search.criteria if not _is_dropped(model, search.kind, part[0])]
    is_told = answer.warnings or ("bare" in model.permits and not kept)
    if problem and is_told and "superset" in model.permits:
        problem = _difference(model, records, search, answer, kept, now) and problem
    return problem


def _is_dropped(model: Model, kind: str, name: str) -> bool:
    code = name.partition(".")[0].partition(":")[0]
    return bool(model.dropped & {f"{kind}.{code}", f"*.{code}"})


def _difference(
    model: Model,
    records: Records,
    search: Search,
    answer: Answer,
    criteria: list[tuple[str, tuple[str, ...]]],
    now: datetime,
) -> str:
    expected = records.select(search.kind, criteria, now)
    if answer.totals - {len(expected)}:
        return f"total {sorted(answer.totals)} for {len(expected)}"
    if search.is_count:
        ids, totals = len(answer.matches), sorted(answer.totals)
        return "" if totals and not ids else f"a count with {ids} entries and totals {totals}"
    return (
        _wrong_matches(answer, expected)
        or _wrong_order(records, search, answer)
        or _wrong_includes(model, records, search, answer)
    )


def _wrong_matches(answer: Answer, expected: set[str]) -> str:
    ids = [identity for _, identity in answer.matches]
    found = set(ids)
    if found != expected:
        lost, more = sorted(expected - found)[:4], sorted(found - expected)[:4]
        return f"{len(ids)} matches for {len(expected)}; lost {lost}, too many {more}"
    return f"{len(ids) - len(found)} matches are there twice" if len(ids) > len(found) else ""


def _wrong_order(records: Records, search: Search, answer: Answer) -> str:
    ids = [identity for _, identity in answer.matches]
    keys = [key for value in search.results("_sort") for key in value.split(",")]
    is_right = not keys or records.is_sorted(search.kind, ids, keys[0])
    return "" if is_right else f"not in the order of {keys[0]}: {ids[:8]}"


def _wrong_includes(model: Model, records: Records, search: Search, answer: Answer) -> str:
    expected = records.included(answer.matches, search.includes)
    found = answer.includes - {"/".join(match) for match in answer.matches}
    if found == expected or ("includes" in model.permits and found < expected):
        return ""
    return f"includes: lost {sorted(expected - found)[:4]}, too many {sorted(found - expected)[:4]}"


def is_allowed_refusal(model: Model, search: Search, answer: Answer) -> bool:
    """Whether the gateway may refuse this search: for a reason of its own, and never a plain one.

    A refusal that the upstream has made means that it got what it does not understand. `dates-shifted` says
    that the shown times contradict the site's settings, which they do where clocks or labels are wrong. Many
    matches cannot be counted without the upstream's total.
    """
    if "refusal" in model.permits:
        return True
    if answer.code == "dates-shifted":
        return not WRONG_CLOCKS.isdisjoint(model.variants)
    if model.variants.get("repeats") == "first" and answer.code == "upstream-ignored-parameter":
        return True
    is_uncountable = search.is_count and model.variants.get("totals") == "absent"
    if is_uncountable and answer.code == "search-too-broad":
        return True
    return answer.code in REFUSALS and not is_plain(search)


def is_plain(search: Search) -> bool:
    """Whether any server must answer: no chain, no `ne` or list of dates, no date of a Period, no `_sort`."""
    dates = [values for name, values in search.criteria if _is_date(search.kind, name)]
    simple = all(len(values) == 1 and values[0][:2] not in {"ne", "ap"} for values in dates)
    names = [name for name, _ in search.criteria]
    periods = {"Encounter", "MedicationStatement", "Observation", "PractitionerRole", "Schedule"}
    return (
        simple
        and len(dates) <= 1
        and not (dates and search.kind in periods)
        and not any("." in name or name.startswith("_has") or ":" in name for name in names)
        and not search.results("_sort")
        and not search.results("_elements")
    )


def _is_date(kind: str, name: str) -> bool:
    parameter = PARAMETERS[kind].get(name)
    return parameter is not None and parameter.is_date
