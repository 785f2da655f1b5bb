"""What it means that a change has not reached a replica, and what to do: for command line and dashboard."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class _Reason(NamedTuple):
    meaning: str
    advice: str


_LOOK: Final = (
    "Look at /readyz of the gateway that was asked, and repeat the change once it no longer warns of the"
    " shared store."
)
_REPEAT: Final = "Repeat the change once they reach the shared store, or restart them."
_REASONS: Final[Mapping[str, _Reason]] = {
    "store-down": _Reason("the gateway that was asked cannot reach the shared store", _LOOK),
    "channel-down": _Reason(
        "the gateway that was asked cannot send messages through the shared store", _LOOK
    ),
    "silent": _Reason("it does not use the shared store at this moment, or did not end in order", _REPEAT),
    "other-keys": _Reason(
        "it has other cache.keys, so that only a purge of the whole practice reaches it",
        "Purge the whole practice, without a patient.",
    ),
    "no-answer": _Reason("it did not answer", "Repeat the change in a few seconds."),
}


def missed_replicas(result: Mapping[str, Any]) -> list[str]:
    """Return the replicas in `notReached` of a response, each with why it was not reached."""
    return [f"{each['replica']}: {_reason(each).meaning}" for each in result.get("notReached", ())]


def advice_after(result: Mapping[str, Any]) -> str:
    """Return for how long the replicas in `notReached` may serve old responses, and what to do."""
    until = result.get("oldResponsesUntil")
    limit = [f"They may serve old responses until {until}."] if until else []
    return " ".join([*limit, *dict.fromkeys(_reason(each).advice for each in result["notReached"])])


def _reason(missed: Mapping[str, str]) -> _Reason:
    """Return the reason of a replica; that of a later version of the gateway as it is."""
    return _REASONS.get(missed["reason"]) or _Reason(missed["reason"], _REPEAT)
