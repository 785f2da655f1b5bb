"""Table of the ages that apps may accept past a type's lifetime, with the reason for each ceiling.

The ceilings are code, not settings. The stored lifetime stays as it is: an app only accepts more or less age.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.apps.app import App
from gateway.cache.freshness import Freshness
from gateway.cache.lifetimes import LIFETIMES, lifetime_of_type

#: Purposes whose apps may accept older data. What books, treats or copies data takes only what is stored.
ACCEPTING_PURPOSES: Final = frozenset({"display", "interactive"})


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Highest accepted age of some resource types, in seconds; None: never more than their lifetime."""

    types: tuple[str, ...]
    seconds: int | None
    reason: str


def _group(name: str) -> tuple[str, ...]:
    return next(row.types for row in LIFETIMES if row.group == name)


CEILINGS: Final = (
    Ceiling(
        ("Appointment", "AppointmentResponse", "Schedule"),
        30,
        "A screen that shows today's list is read every half a minute, and books nothing.",
    ),
    Ceiling(("Slot",), 5, "Only shown to be booked: two people may want the same slot."),
    Ceiling(
        (*_group("statement"), *_group("places and services"), *_group("staff"), *_group("definitions")),
        None,
        "Stored for a quarter of an hour to an hour already.",
    ),
    Ceiling(_group("people"), None, "A correction at the desk must show in the next look-up."),
    Ceiling(
        (*_group("medicines and alerts"), "DocumentReference"),
        None,
        "Prescribing decisions depend on it, on whichever screen it is read.",
    ),
    Ceiling(_group("results"), None, "May be urgent, and is read where it is shown."),
    Ceiling(_group("problems and care"), None, "Read before the next encounter."),
    Ceiling(("*",), None, "Not assessed individually: treated like a result."),
)
_CEILING_BY_TYPE: Final = {type_: row for row in CEILINGS for type_ in row.types}


def ceiling_of_type(type_: str) -> int | None:
    """Return the highest accepted age of a type in seconds; None: never more than its lifetime."""
    return _CEILING_BY_TYPE.get(type_, _CEILING_BY_TYPE["*"]).seconds


def accepted_age(app: App | None, types: Iterable[str], freshness: Freshness) -> float | None:
    """Return the highest age of stored data of these types that an app accepts, in seconds.

    None for no app, or one that accepts what is fresh, and nothing else. A site's own shorter lifetime of a
    type stands: it says that this site's data must not be older, for whatever purpose.
    """
    if app is None or app.purpose not in ACCEPTING_PURPOSES:
        return None
    return float(min((_accepted_age_of_type(app, type_, freshness) for type_ in types), default=0))


def _accepted_age_of_type(app: App, type_: str, freshness: Freshness) -> int:
    lifetime, ceiling = freshness.lifetime((type_,)), ceiling_of_type(type_)
    is_shortened = lifetime < lifetime_of_type(type_).balanced
    highest = lifetime if ceiling is None or is_shortened else max(lifetime, ceiling)
    return min(highest, app.accepted_ages.get(type_, highest if app.purpose == "display" else lifetime))


def longest_accepted_age(apps: Iterable[App], types: Iterable[str], freshness: Freshness) -> float:
    """Return the highest age that any of these apps accepts, in seconds."""
    all_types = tuple(types)
    return max((accepted_age(app, all_types, freshness) or 0.0 for app in apps), default=0.0)


def excessive_ages(freshness: Mapping[str, int]) -> list[str]:
    """Return the types whose accepted age exceeds the ceiling, each with the ceiling, for an operator."""
    ceilings = {type_: ceiling_of_type(type_) for type_ in freshness}
    return [
        f"{type_}: {'never older than its lifetime' if ceiling is None else f'at most {ceiling} seconds'}"
        for type_, ceiling in ceilings.items()
        if ceiling is None or freshness[type_] > ceiling
    ]


def ceilings_table() -> str:
    """Return the table as Markdown, for docs/apps.md."""
    lines = (
        f"| {', '.join(row.types)} | {'as stored' if row.seconds is None else f'{row.seconds} s'}"
        f" | {row.reason} |"
        for row in CEILINGS
    )
    return "\n".join(("| resource types | at most | why |", "|---|---|---|", *lines))
