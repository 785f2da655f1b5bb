"""Table of active pauses by scope key: how refusals and responses change it. Times are seconds since 1970."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from gateway.resilience.pause_rules import Pause

Pauses = Mapping[str, Pause]

#: Pauses that are stored; those of callers who were never served have a smaller part, and end first.
MAX_PAUSES: Final = 1_000
MAX_UNPROVED_PAUSES: Final = 100


def active(pauses: Pauses | None, now: float) -> dict[str, Pause]:
    """Return the pauses that have not expired."""
    return {key: pause for key, pause in (pauses or {}).items() if pause.until > now}


def with_pause(pauses: Pauses, own_key: str, pause: Pause) -> dict[str, Pause]:
    """Return the table with one more; all callers pause if two who were served are refused alike."""
    others = {key: other for key, other in pauses.items() if key != own_key}
    shared = pause.shared_scope
    if shared and any(_is_same_evidence(other, pause) for other in others.values()):
        others |= {shared: pause.for_all_callers()}
    return _within_limits(others | {own_key: pause})


def is_disproved(key: str, pause: Pause, shared_keys: Collection[str], started_at: float) -> bool:
    """Whether a response to a request sent at `started_at` disproves what a pause says of all callers."""
    return pause.since <= started_at and (key in shared_keys or pause.shared_scope in shared_keys)


def without_disproved(pauses: Pauses, shared_keys: Collection[str], started_at: float) -> dict[str, Pause]:
    """Return the table in which each disproved pause concerns its own caller only."""
    return {
        key: pause.replace(shared_scope="") if is_disproved(key, pause, shared_keys, started_at) else pause
        for key, pause in pauses.items()
        if key not in shared_keys or not is_disproved(key, pause, shared_keys, started_at)
    }


def _is_same_evidence(other: Pause, pause: Pause) -> bool:
    return (other.rule, other.shared_scope) == (pause.rule, pause.shared_scope)


def _within_limits(pauses: dict[str, Pause]) -> dict[str, Pause]:
    within = _without_oldest(pauses, MAX_UNPROVED_PAUSES, lambda pause: not pause.is_proved)
    return _without_oldest(within, MAX_PAUSES, lambda _: True)


def _without_oldest(
    pauses: dict[str, Pause], limit: int, counts: Callable[[Pause], bool]
) -> dict[str, Pause]:
    counted = sorted((pause.since, key) for key, pause in pauses.items() if counts(pause))
    surplus = {key for _, key in counted[: max(0, len(counted) - limit)]}
    return {key: pause for key, pause in pauses.items() if key not in surplus}
