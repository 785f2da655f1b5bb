"""One response of operators' endpoints out of those of all workers."""

from typing import Any

from gateway.admin.worker_sums import (
    all_advice,
    all_failures,
    all_pauses,
    all_resets,
    first_response,
    summed_history,
    summed_statistics,
    worst_sites,
)


def statistics(entries: int, **types: dict[str, int]) -> dict[str, Any]:
    return {
        "asOf": "2026-04-01T00:00:00+00:00",
        "profile": "balanced",
        "store": {"kind": "embedded", "entries": entries, "maxBytes": None, "problem": None},
        "requests": {"hit": entries},
        "types": types,
    }


def pause(name: str, until: str) -> dict[str, Any]:
    return {"pause": name, "until": until}


def site(state: str, *pauses: dict[str, Any], seconds: int = 0, left: int = 5) -> dict[str, Any]:
    return {
        "site": "guid",
        "state": state,
        "secondsLeft": seconds,
        "failures": 1,
        "reason": state,
        "pauses": list(pauses),
        "retries": {"queries": 10 - left, "spent": 1, "left": left},
        "running": 1,
        "waiting": 2,
    }


def key(rate: float | None, until: str | None = None) -> dict[str, Any]:
    return {"upstream": "halo", "caller": "a", "perSecond": rate, "blockedUntil": until, "waiting": 1}


def test_statistics_are_summed() -> None:
    total = summed_statistics([statistics(2, Patient={"hit": 2}), statistics(3, Slot={"hit": 3})])
    assert total["store"] == {"kind": "embedded", "entries": 5, "maxBytes": None, "problem": None}
    assert total["types"] == {"Patient": {"hit": 2}, "Slot": {"hit": 3}}
    assert (total["requests"], total["profile"]) == ({"hit": 5}, "balanced")


def test_shared_store_is_counted_once() -> None:
    total = summed_statistics([statistics(2), statistics(2)], has_shared_store=True)
    assert (total["store"]["entries"], total["requests"]) == (2, {"hit": 4})


def test_site_is_in_its_worst_state_with_all_pauses() -> None:
    early, late, other = pause("a", "2026-04-01"), pause("a", "2026-04-02"), pause("b", "2026-04-01")
    closed, opened = site("closed", late, left=3), site("open", early, other, seconds=9)
    for sites in ([closed, opened], [opened, closed]):
        (joint,) = worst_sites([{"sites": [each], "keys": []} for each in sites])["sites"]
        assert (joint["state"], joint["secondsLeft"], joint["reason"]) == ("open", 9, "open")
        assert joint["pauses"] == [late, other]
        assert joint["retries"] == {"queries": 7, "spent": 1, "left": 3}
        assert (joint["running"], joint["waiting"]) == (2, 4)


def test_site_of_one_worker_alone_is_listed() -> None:
    responses = [{"sites": [], "keys": []}, {"sites": [site("open")], "keys": [key(None)]}]
    assert worst_sites(responses) == responses[1]


def test_key_has_its_lowest_rate_and_its_longest_block() -> None:
    keys = [key(None, "2026-04-01"), key(3.0), key(2.0, "2026-04-02")]
    (joint,) = worst_sites([{"sites": [], "keys": [each]} for each in keys])["keys"]
    assert (joint["perSecond"], joint["blockedUntil"], joint["waiting"]) == (2.0, "2026-04-02", 3)


def test_pauses_of_all_are_listed_with_the_rules_of_one() -> None:
    responses = [
        {"rules": [1], "pauses": [pause("b", "2026-04-01")]},
        {"rules": [1], "pauses": [pause("a", "2026-04-01")]},
    ]
    joint = all_pauses(responses)
    assert (joint["rules"], [each["pause"] for each in joint["pauses"]]) == ([1], ["a", "b"])


def test_reset_names_what_any_worker_has_reset() -> None:
    assert all_resets([{"reset": ["circuit"]}, {"reset": ["circuit", "site:a"]}, {"reset": []}]) == {
        "reset": ["circuit", "site:a"]
    }


def test_purge_has_the_response_of_one() -> None:
    assert first_response([{"purged": "site"}, {"purged": "site"}]) == {"purged": "site"}


def advice(requests: int, shape: str = "GET Patient/{id}") -> dict[str, Any]:
    piece = {"id": "reads-one-by-one", "app": None, "caller": "a", "site": "harbour", "shape": shape}
    per_day = {"queries": requests, "bytes": 10, "cost": 0.5, "currency": "AUD"}
    return piece | {"requests": requests, "queries": 3, "perDay": per_day}


def test_advice_of_workers_is_added_up_by_sender_and_shape() -> None:
    first = {"asOf": "now", "observedSince": "2", "requests": 7, "scope": "", "advice": [advice(1)]}
    second = first | {"observedSince": "1", "advice": [advice(2), advice(9, "GET Slot/{id}")]}
    total = all_advice([first, second])
    assert (total["observedSince"], total["requests"]) == ("1", 14)
    dearest, other = total["advice"]
    assert dearest["shape"] == "GET Slot/{id}"
    assert (other["requests"], other["queries"]) == (3, 6)
    assert other["perDay"] == {"queries": 3, "bytes": 20, "cost": 1.0, "currency": "AUD"}


def failure(code: str, count: int, last: str, site: str) -> dict[str, Any]:
    return {"code": code, "count": count, "lastAt": last, "lastSite": site}


def test_failures_are_summed_by_code_with_the_last() -> None:
    first = {"failures": [failure("a", 2, "2026-04-01T03", "hills"), failure("b", 1, "2026-04-01T01", "")]}
    second = {"failures": [failure("b", 4, "2026-04-01T04", "harbour")]}
    expected = [failure("b", 5, "2026-04-01T04", "harbour"), failure("a", 2, "2026-04-01T03", "hills")]
    assert all_failures([first, second])["failures"] == all_failures([second, first])["failures"] == expected


def interval(start: str, queries: int) -> dict[str, Any]:
    return {"start": start, "queries": queries, "saved": 1, "failures": 0}


def test_intervals_are_summed_by_their_start() -> None:
    own = {"asOf": "now", "intervals": [interval("10:00", 1), interval("10:05", 2)]}
    other = {"asOf": "then", "intervals": [interval("10:05", 4), interval("10:10", 8)]}
    total = summed_history([own, other])
    assert [(each["start"], each["queries"], each["saved"]) for each in total["intervals"]] == [
        *(("10:00", 1, 1), ("10:05", 6, 2)),
    ]
    assert own["intervals"] == [interval("10:00", 1), interval("10:05", 2)]


def test_number_found_is_that_of_the_worker_that_finds_most() -> None:
    numbers = ({"found": 3}, {"found": 5}, {"found": 4})
    assert worst_sites([{"sites": [], "keys": []} | each for each in numbers])["found"] == 5
    assert all_pauses([{"pauses": []} | each for each in numbers])["found"] == 5


def test_brief_site_is_in_its_worst_state() -> None:
    brief = {"site": "guid", "secondsLeft": 0, "failures": 0, "pauses": [], "running": 1, "waiting": 0}
    one = brief | {"state": "closed", "engine": None, "brokenIssues": 3}
    other = brief | {"state": "open", "engine": "26.6", "brokenIssues": 1}
    (site,) = worst_sites([{"sites": [one], "keys": []}, {"sites": [other], "keys": []}])["sites"]
    assert (site["state"], site["running"], site["engine"], site["brokenIssues"]) == ("open", 2, "26.6", 3)
