"""Report of the soak: lines to print, and those that show an error."""

import os
from collections import Counter
from collections.abc import Iterable
from math import ceil, nan
from statistics import median, quantiles
from typing import Any

from adversary.soak_clients import PROBE
from adversary.soak_requests import ATTACK_KINDS, ATTACKERS_KEYS, KEY_FIELD, MADE_UP, replay_kinds
from adversary.soak_run import SoakResult, Window
from end_to_end.chaos_clients import Call
from end_to_end.chaos_figures import Report, ReportLines, duration, log_lines, percentile_text, write_lines
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_world import KEYS, Processes

from gateway.ledger.sqlite_reader import read_rows

#: How much longer honest clients may wait beside attackers, at the 99th percentile.
MAX_SLOWDOWN = 2.0
#: Seconds for which the process may seem to be gone, in runs of any length and on a busy machine.
MAX_PROBE_SECONDS = 5.0
#: Seconds of a run from which its percentiles are judged.
MIN_JUDGED_SECONDS = 100.0
#: Refusals by the upstream per address and minute that made-up keys may cost: server.max_credential_failures.
MAX_REFUSALS = 30
#: Megabytes: the half of server.max_total_body that one address may use, and what responses and names need.
MAX_GROWTH = 32.0 + 64.0
#: Callers in the ledger: honest ones, attackers with valid keys, one line for all others, one for no caller.
MAX_CALLERS = len(KEYS) + len(ATTACKERS_KEYS) + 2
#: Answers to attackers that no attack may get: one to a key that is not valid, or two to one request.
_STRICT_KINDS = {name for name, kind in (ATTACK_KINDS | replay_kinds("")).items() if not kind.may_succeed}

Requests = Iterable[dict[str, Any]]


def report_soak(processes: Processes, plan: Plan, result: SoakResult) -> Report:
    """Report about a soak whose gateway has ended."""
    requests = processes.control("GET", "requests")
    honest_requests = [request for request in requests if _key(request) in KEYS.values()]
    sections = (
        _run_lines(plan, result),
        _honest_lines(result),
        write_lines(processes, result.observations, honest_requests),
        _latency_lines(plan, result),
        _attack_lines(result),
        _cost_lines(result, requests),
        _page_lines(result, honest_requests),
        _ledger_lines(processes),
        _memory_lines(result),
        log_lines(processes),
    )
    lines = [line for section in sections for line in section]
    return Report([text for text, _ in lines], [text for text, is_correct in lines if not is_correct])


def _key(request: dict[str, Any]) -> str:
    return str(request["headers"].get(KEY_FIELD.lower(), ""))


def _run_lines(plan: Plan, result: SoakResult) -> ReportLines:
    seconds = f"{plan.seconds:.0f} s, of these with attackers {result.attack_seconds:.0f} s"
    yield f"run: {seconds}, in {len(result.attack_windows)} rounds", True
    load = ", ".join(f"{when} {load:.1f}" for when, load in result.load.items())
    yield f"load of {os.cpu_count()} processors: {load}", True


def _honest_lines(result: SoakResult) -> ReportLines:
    calls = result.observations.calls
    kinds = Counter(call.client.split()[0] for call in calls)
    yield "honest requests: " + _text(kinds), True
    failures = Counter(
        f"{call.client.split()[0]} {call.status} {call.code}"
        for call in calls
        if call.status not in {200, 201}
    )
    yield f"failures of honest clients: {_text(failures) or 'none'}", not failures
    errors = result.oracle.errors
    yield f"wrong responses: {dict(errors) or 'none'}", not errors
    walks, stale = result.observations.walks, len(result.observations.stale)
    yield f"searches read to the end {walks[True]}, given up {walks[False]}", not walks[False]
    yield f"reads after a write {result.observations.rereads}, of these stale {stale}", not stale


def _latency_lines(plan: Plan, result: SoakResult) -> ReportLines:
    calls = [call for call in result.observations.calls if call.client != PROBE]
    misses = [call for call in calls if "hit" not in call.cache]
    probes = [call for call in result.observations.calls if call.client == PROBE]
    for name, chosen in (("all requests", calls), ("cache misses", misses), ("/livez", probes)):
        alone = _durations(chosen, result.quiet_windows)
        attacked = _durations(chosen, result.attack_windows)
        yield f"{name}, without attackers: {len(alone)}, {percentile_text(alone)}", True
        yield f"{name}, with attackers: {len(attacked)}, {percentile_text(attacked)}", True
        whole, middle = _p99(attacked) / _p99(alone), median(_slowdowns(result, chosen))
        is_judged = plan.seconds >= MIN_JUDGED_SECONDS and chosen is not probes
        yield (
            f"{name}: p99 {whole:.2f} times as long with attackers, median of the rounds {middle:.2f}",
            (whole <= MAX_SLOWDOWN and middle <= MAX_SLOWDOWN) or not is_judged,
        )
    longest = max(duration(call) for call in probes)
    is_short = longest <= MAX_PROBE_SECONDS
    yield f"longest wait for /livez: {longest:.2f} s (at most {MAX_PROBE_SECONDS:.0f})", is_short


def _slowdowns(result: SoakResult, calls: list[Call]) -> list[float]:
    """How much longer the 99th percentile is with attackers, by round."""
    rounds = zip(result.quiet_windows, result.attack_windows, strict=True)
    return [_p99(_durations(calls, [attack])) / _p99(_durations(calls, [quiet])) for quiet, attack in rounds]


def _durations(calls: Iterable[Call], windows: list[Window]) -> list[float]:
    """Durations of the calls that began in one of these times."""
    return [duration(call) for call in calls if any(start <= call.started <= end for start, end in windows)]


def _p99(seconds: list[float]) -> float:
    """99th percentile; not a number of too few seconds, as on a busy machine in a short run."""
    return quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else nan


def _attack_lines(result: SoakResult) -> ReportLines:
    total = sum(sum(statuses.values()) for statuses in result.attacks.values())
    yield f"attacks: {total}, {total / result.attack_seconds:.0f} per second", total > 0
    for name, statuses in sorted(result.attacks.items()):
        successes = sum(number for status, number in statuses.items() if status.startswith("2"))
        is_correct = "several" not in statuses and not (successes and name in _STRICT_KINDS)
        yield f"attack, {name}: {_text(statuses)}", is_correct


def _cost_lines(result: SoakResult, requests: list[dict[str, Any]]) -> ReportLines:
    names = {key: key for key in ATTACKERS_KEYS} | dict.fromkeys(KEYS.values(), "honest")
    sent = Counter(names.get(_key(request), "made up") for request in requests)
    paid = Counter(names.get(_key(request), "made up") for request in requests if request["charge"] == "paid")
    yield f"upstream requests by key: {_text(sent)}; billed: {_text(paid)}", not paid["made up"]
    made_up = sum(_key(request).startswith(MADE_UP) for request in requests)
    addresses = len({kind.address for kind in ATTACK_KINDS.values()}) + 1
    allowed = MAX_REFUSALS * addresses * (ceil(result.attack_seconds / 60) + 1)
    yield f"upstream requests with made-up keys: {made_up} (at most {allowed})", made_up <= allowed


def _page_lines(result: SoakResult, requests: Requests) -> ReportLines:
    """An attacker who could shrink the pages of others would make them pay for more queries."""
    ids = Counter(request["headers"].get("x-request-id", "") for request in requests)
    own = {call.id for call in result.observations.calls}
    further = sum(number - 1 for name, number in ids.items() if name in own)
    yield f"further upstream requests for an honest request: {further}", True


def _ledger_lines(processes: Processes) -> ReportLines:
    callers = {row.key.caller for row in read_rows(processes.ledger)}
    yield f"callers in the ledger: {len(callers)} (at most {MAX_CALLERS})", len(callers) <= MAX_CALLERS


def _memory_lines(result: SoakResult) -> ReportLines:
    sizes = [*result.memory.values()]
    growth = max(sizes) - sizes[0]
    yield (
        "memory of the gateway: "
        + ", ".join(f"{when} {size:.0f} MB" for when, size in result.memory.items()),
        True,
    )
    yield f"memory grew by {growth:.0f} MB (at most {MAX_GROWTH:.0f} MB)", growth <= MAX_GROWTH


def _text(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
