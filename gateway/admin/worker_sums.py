"""One response of operators' endpoints out of those of all workers."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from gateway.advice.adviser import MAX_ADVICE

Fields = dict[str, Any]
#: Combines the JSON objects of all workers, the answering one first.
CombineResponses = Callable[[Sequence[Fields]], Fields]

#: States of a circuit, the worst last.
_STATES: Final = ("closed", "half-open", "open")
#: What tells one piece of advice from another.
_ADVICE_NAMES: Final = ("id", "app", "caller", "site", "shape")
#: Numbers of a cache that are not sums.
_SAME_MEMBERS: Final = frozenset({"asOf", "profile", "kind"})


def summed_statistics(responses: Sequence[Fields], *, has_shared_store: bool = False) -> Fields:
    """Sum the statistics of caches; a shared store reports the same figures to all."""
    total: Fields = reduce(_with_sums, responses)
    return total | ({"store": responses[0]["store"]} if has_shared_store else {})


def _with_sums(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            name: one[name] if name in _SAME_MEMBERS else _with_sums(one.get(name), other.get(name))
            for name in (*one, *(name for name in other if name not in one))
        }
    if _is_number(one) and _is_number(other):
        return one + other
    return other if one is None else one


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def worst_sites(responses: Sequence[Fields]) -> Fields:
    """Return each site in the worst state that a worker knows, with the pauses and requests of all."""
    sites: dict[str, Fields] = {}
    for site in (site for response in responses for site in response["sites"]):
        known = sites.get(site["site"])
        sites[site["site"]] = site if known is None else _worse_site(known, site)
    keys: dict[tuple[str, str], Fields] = {}
    for key in (key for response in responses for key in response["keys"]):
        name = key["upstream"], key["caller"]
        keys[name] = key if name not in keys else _joint_key(keys[name], key)
    return (
        responses[0] | _most_found(responses) | {"sites": list(sites.values()), "keys": list(keys.values())}
    )


def _most_found(responses: Sequence[Fields]) -> Fields:
    """Return how many rows were found, of which a limit may show fewer."""
    numbers = [response["found"] for response in responses if "found" in response]
    return {"found": max(numbers)} if numbers else {}


def _worse_site(one: Fields, other: Fields) -> Fields:
    """Return a site in its worse state; a brief one has issues and engine instead of retries."""
    is_brief = "retries" not in one
    return max(one, other, key=_badness) | {
        "pauses": _all_pauses(one["pauses"], other["pauses"]) if one["pauses"] or other["pauses"] else [],
        "running": one["running"] + other["running"],
        "waiting": one["waiting"] + other["waiting"],
        **(_known_of_both(one, other) if is_brief else _joint_retries(one["retries"], other["retries"])),
    }


def _known_of_both(one: Fields, other: Fields) -> Fields:
    issues = max(one["brokenIssues"], other["brokenIssues"])
    return {"engine": one["engine"] or other["engine"], "brokenIssues": issues}


def _joint_retries(one: Fields, other: Fields) -> Fields:
    used = {name: max(one[name], other[name]) for name in ("queries", "spent")}
    return {"retries": used | {"left": min(one["left"], other["left"])}}


def _badness(site: Fields) -> tuple[int, float, int]:
    return _STATES.index(site["state"]), site["secondsLeft"], site["failures"]


def _all_pauses(*groups: Sequence[Fields]) -> list[Fields]:
    """Return all pauses by name, each with its latest end."""
    pauses: dict[str, Fields] = {}
    for pause in sorted((pause for group in groups for pause in group), key=lambda each: each["until"] or ""):
        pauses[pause["pause"]] = pause
    return [pauses[name] for name in sorted(pauses)]


def _joint_key(one: Fields, other: Fields) -> Fields:
    rates = [key["perSecond"] for key in (one, other) if key["perSecond"] is not None]
    return one | {
        "perSecond": min(rates, default=None),
        "blockedUntil": max((one["blockedUntil"], other["blockedUntil"]), key=lambda until: until or ""),
        "waiting": one["waiting"] + other["waiting"],
    }


def all_pauses(responses: Sequence[Fields]) -> Fields:
    """Return the pauses of all workers; their rules are the same."""
    pauses = _all_pauses(*(response["pauses"] for response in responses))
    return responses[0] | _most_found(responses) | {"pauses": pauses}


def all_resets(responses: Sequence[Fields]) -> Fields:
    """Return what any worker has reset."""
    items = dict.fromkeys(item for response in responses for item in response["reset"])
    return responses[0] | {"reset": list(items)}


def all_advice(responses: Sequence[Fields]) -> Fields:
    """Return the advice of all workers; what several saw of one sender and shape is added up."""
    advice: dict[tuple[str, ...], Fields] = {}
    for piece in (piece for response in responses for piece in response["advice"]):
        name = tuple(str(piece[part]) for part in _ADVICE_NAMES)
        advice[name] = _joint_advice(advice[name], piece) if name in advice else piece
    dearest = sorted(advice.values(), key=lambda piece: -piece["perDay"]["queries"])
    return responses[0] | {
        "observedSince": min(response["observedSince"] for response in responses),
        "requests": sum(response["requests"] for response in responses),
        "scope": "The requests that passed the handlers of any worker, at most the last 20,000 of each.",
        "advice": dearest[:MAX_ADVICE],
    }


def _joint_advice(one: Fields, other: Fields) -> Fields:
    counts = {name: one[name] + other[name] for name in ("requests", "queries")}
    sums = {name: _with_sums(value, other["perDay"][name]) for name, value in one["perDay"].items()}
    return one | counts | {"perDay": sums | {"currency": one["perDay"]["currency"]}}


def all_failures(responses: Sequence[Fields]) -> Fields:
    """Return the failures of all workers by code: their sum, and the last of them."""
    failures: dict[str, Fields] = {}
    for failure in (failure for response in responses for failure in response["failures"]):
        code = failure["code"]
        failures[code] = _joint_failure(failures[code], failure) if code in failures else failure
    latest = sorted(failures.values(), key=lambda failure: failure["lastAt"], reverse=True)
    return responses[0] | {"failures": latest}


def _joint_failure(one: Fields, other: Fields) -> Fields:
    latest = max(one, other, key=lambda failure: failure["lastAt"])
    return latest | {"count": one["count"] + other["count"]}


def summed_history(responses: Sequence[Fields]) -> Fields:
    """Sum the intervals of all workers, for those of the answering one."""
    sums = {interval["start"]: interval for interval in responses[0]["intervals"]}
    for interval in (interval for response in responses[1:] for interval in response["intervals"]):
        start = interval["start"]
        if start in sums:
            sums[start] = _with_sums(sums[start], interval) | {"start": start}
    return responses[0] | {"intervals": list(sums.values())}


def first_response(responses: Sequence[Fields]) -> Fields:
    """Return the response of the answering worker: all say the same."""
    return responses[0]


#: What combines the responses to each method and path.
COMBINATIONS: Final[Mapping[tuple[str, str], CombineResponses]] = {
    ("GET", "/admin/advice"): all_advice,
    ("GET", "/admin/cache"): summed_statistics,
    ("GET", "/admin/failures"): all_failures,
    ("GET", "/admin/history"): summed_history,
    ("GET", "/admin/sites"): worst_sites,
    ("GET", "/admin/pauses"): all_pauses,
    ("POST", "/admin/purge"): first_response,
    ("POST", "/admin/sites/{siteId}/reset"): all_resets,
    ("POST", "/admin/pauses/clear"): all_resets,
}
