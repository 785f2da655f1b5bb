"""Report of a chaos run: lines to print, and those that show an error."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from statistics import quantiles
from typing import Any

from end_to_end.chaos_clients import Call, Observations
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_run import RunResult
from end_to_end.chaos_sql import QUERIES, sql_lines
from end_to_end.chaos_truth import identifier
from end_to_end.chaos_world import KEYS, QUIET, Processes, World

from gateway.ledger.cost import CostClass
from gateway.ledger.sqlite_reader import read_rows
from gateway.resilience.retry_policy import RetryBudgetPolicy

NAMES = dict(zip(KEYS, ("quiet", "near", "far"), strict=True))
#: Seconds of the ledger that `kill -9` may lose, plus the delay of writes on a busy machine.
UNWRITTEN_SECONDS = 1.0 + 3.0
BUDGET = RetryBudgetPolicy()
#: Seconds after an outage of Redis in which a replica may not yet have written its invalidations to it.
MISSED_SECONDS = 2.0

EmulatorRequest = dict[str, Any]
#: Lines to print, and whether each is as it must be.
ReportLines = Iterator[tuple[str, bool]]


@dataclass(frozen=True)
class Report:
    """All lines, and those that show an error."""

    lines: list[str]
    errors: list[str]


def report_run(world: World, plan: Plan, result: RunResult) -> Report:
    """Report about a run whose replicas have ended."""
    requests = [
        request
        for request in world.control("GET", "requests")
        if "/fhir/" in request["path"] or QUERIES in request["path"]
    ]
    sections = (
        _plan_lines(plan, world, result),
        _response_lines(world, result),
        write_lines(world, result.observations, requests),
        sql_lines(result.sql_queries, requests),
        _quiet_site_lines(result),
        _bill_lines(world, result, requests),
        _ledger_lines(world, result, requests),
        _memory_lines(result),
        _recovery_lines(plan, result),
        log_lines(world),
    )
    lines = [line for section in sections for line in section]
    return Report([text for text, _ in lines], [text for text, is_correct in lines if not is_correct])


def _plan_lines(plan: Plan, world: World, result: RunResult) -> ReportLines:
    minutes = (
        f"{plan.seconds:.0f} s at {plan.factor:g} times the speed: {plan.seconds * plan.factor / 60:.0f} min"
    )
    faults = f"{len(world.kills)} kills, {len(result.redis_outages)} outages of Redis"
    yield f"run: {minutes}; seed {plan.seed}; {faults}", True


def _response_lines(world: World, result: RunResult) -> ReportLines:
    by_site: dict[str, Counter[int]] = defaultdict(Counter)
    observations = result.observations
    for call in observations.calls:
        by_site[call.site][call.status] += 1
    for site, statuses in by_site.items():
        counts = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
        yield f"responses, {NAMES[site]}: {counts}", True
    codes = Counter(call.code for call in observations.calls if call.code)
    yield "codes: " + ", ".join(f"{code} {number}" for code, number in codes.most_common()), True
    walks = observations.walks
    yield f"searches read to the end {walks[True]}, given up {walks[False]}", True
    yield f"wrong responses: {dict(result.oracle.errors) or 'none'}", not result.oracle.errors
    outages = [*result.redis_outages, *world.redis_outages()]
    unexpected = [
        read for read in observations.stale if not _overlaps_outage(outages, read.written, read.read)
    ]
    stale = f"stale {len(observations.stale)}, of these without an outage of Redis {len(unexpected)}"
    yield f"reads after a write {observations.rereads}, {stale}", not unexpected


def _overlaps_outage(outages: list[tuple[float, float]], written: float, read_at: float) -> bool:
    """Whether Redis was down between write and read, or so shortly before that a replica missed it."""
    return any(start - 1 < read_at and written < end + MISSED_SECONDS for start, end in outages)


def write_lines(
    world: Processes, observations: Observations, requests: Iterable[EmulatorRequest]
) -> ReportLines:
    """Lines about creates, of which none may be lost or made twice; `requests` are the writers' own."""
    stored: Counter[tuple[str, str]] = Counter()
    for site, kind in product(KEYS, ("Patient", "Appointment")):
        rows = world.control("GET", f"truth/{site}/{kind}")
        stored.update((site, value) for row in rows if (value := identifier(row["resource"])))
    allowed = {"done": {1}, "unknown": {0, 1}, "refused": {0}}
    writes = [(write, stored[write.site, write.identifier]) for write in observations.writes]
    endings = Counter(write.ending for write, _ in writes)
    stored_endings = Counter(write.ending for write, count in writes if count)
    errors = [write for write, count in writes if count not in allowed[write.ending]]
    for ending in allowed:
        yield (
            f"creates {ending}: {endings[ending]}, of these stored by the practice {stored_endings[ending]}",
            True,
        )
    yield f"creates lost, duplicated or made in spite of an error: {errors or 'none'}", not errors
    sent = Counter(_id(request) for request in requests if request["method"] in {"POST", "PUT"})
    twice = sum(number > 1 for number in sent.values())
    yield f"writes sent upstream {len(sent)}, twice {twice}", not twice


def _quiet_site_lines(result: RunResult) -> ReportLines:
    calls = [
        call for call in result.observations.calls if call.site == QUIET and call.client != "invalid key"
    ]
    responded = [call for call in calls if call.status]
    failed = [call for call in responded if call.status >= 400]
    yield (
        f"quiet site: {len(responded)} responses, of these errors {len(failed)} {_codes(failed)}",
        not failed,
    )
    fault_free = [duration(call) for call in responded if call.ended < result.fault_free_until]
    with_faults = [duration(call) for call in responded if call.ended >= result.fault_free_until]
    yield f"quiet site, before the faults: {percentile_text(fault_free)}", True
    yield f"quiet site, during faults of the other sites: {percentile_text(with_faults)}", True


def _codes(calls: Iterable[Call]) -> dict[str, int]:
    return dict(Counter(call.code for call in calls))


def duration(call: Call) -> float:
    """Seconds from request to response."""
    return call.ended - call.started


def percentile_text(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "too few"
    percentiles = quantiles(seconds, n=100, method="inclusive")
    figures = {"p50": percentiles[49], "p99": percentiles[98], "longest": max(seconds)}
    return ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in figures.items())


def _bill_lines(world: World, result: RunResult, requests: list[EmulatorRequest]) -> ReportLines:
    calls = result.observations.calls
    ids = {call.id for call in calls}
    unknown = [id_ for id_ in map(_id, requests) if id_ not in ids and not id_.startswith("recovery")]
    yield f"upstream requests without a client request: {len(unknown)}", not unknown
    saved = sum("hit" in call.cache or "collapsed" in call.cache for call in calls)
    yield f"requests {len(calls)}, cached or coalesced {saved}", True
    for site in KEYS:
        site_requests = [request for request in requests if site in request["path"]]
        yield _site_bill_line(site, site_requests, len(world.replicas) + len(world.kills))


def _site_bill_line(site: str, requests: list[EmulatorRequest], processes: int) -> tuple[str, bool]:
    """Requests to a site: first attempts, smaller pages after 413, and retries.

    After an outage Redis is empty, so each process may use its own retry budget.
    """
    repeats: dict[tuple[str, str, str], list[EmulatorRequest]] = defaultdict(list)
    for request in requests:
        repeats[_id(request), request["path"], request["query"]].append(request)
    retries = sum(len(same) - 1 for same in repeats.values())
    paid_retries = sum(sum(request["charge"] == "paid" for request in same[1:]) for same in repeats.values())
    twice = sum(max(0, sum(request["charge"] == "paid" for request in same) - 1) for same in repeats.values())
    paid = sum(request["charge"] == "paid" for request in requests)
    smaller = len(repeats) - len({name for name, _, _ in repeats})
    too_large = sum(request["status"] == 413 for request in requests)
    budget = max(BUDGET.min_per_hour, int(paid * BUDGET.ratio))
    additional = BUDGET.min_per_hour * (processes - 1)
    counts = f"requests {len(requests)}, billed {paid}; smaller pages {smaller}, 413s {too_large}"
    repeated = f"retries {retries} of {budget} (billed {paid_retries}, billed twice {twice})"
    return f"{NAMES[site]}: {counts}; {repeated}", retries <= budget + additional and smaller <= too_large


def _ledger_lines(world: World, result: RunResult, requests: list[EmulatorRequest]) -> ReportLines:
    rows = read_rows(world.ledger)
    unwritten_ids = {call.id for call in result.observations.calls if _may_be_unwritten(world, call)}
    for site in KEYS:
        site_rows = [row for row in rows if row.key.site == site]
        billed = sum(row.queries for row in site_rows if row.key.cost is CostClass.BILLED)
        maybe = sum(row.queries for row in site_rows if row.key.cost is CostClass.MAYBE_BILLED)
        paid = [
            _id(request) for request in requests if site in request["path"] and request["charge"] == "paid"
        ]
        lost = sum(id_ in unwritten_ids for id_ in paid)
        counts = f"billed {billed}, maybe {maybe}; unwritten at a kill at most {lost}; bill {len(paid)}"
        yield f"ledger, {NAMES[site]}: {counts}", billed <= len(paid) <= billed + maybe + lost


def _may_be_unwritten(world: World, call: Call) -> bool:
    """Whether a replica may have been killed before it wrote the cost of this call."""
    return any(
        call.replica == kill.url and call.started < kill.at and call.ended > kill.at - UNWRITTEN_SECONDS
        for kill in world.kills
    )


def _memory_lines(result: RunResult) -> ReportLines:
    for memory in result.memory:
        when = f"{memory.at:.0f} s" if memory.at >= 0 else "end"
        sizes = ", ".join(f"{size:.0f} MB" for size in memory.resident.values())
        yield f"memory at {when}: {sizes}; sockets {[*memory.sockets.values()]}", True
    first, last = result.memory[0], result.memory[-1]
    url = next(iter(first.resident))
    growth = last.resident[url] / first.resident[url] - 1
    yield (
        f"memory of the replica that was not killed grew by {growth:.0%} since the first third",
        growth < 0.3,
    )


def _recovery_lines(plan: Plan, result: RunResult) -> ReportLines:
    limit = f"circuit_breaker.max_open_seconds {plan.scale(300):.1f} s"
    for site, seconds in result.recovery.items():
        yield f"{NAMES[site]}: recovered {seconds:.1f} s after the last fault ({limit})", True
    pages = result.largest_walk_pages
    yield f"pages of the largest search before and after: {pages}", len(set(pages)) == 1


def log_lines(world: Processes) -> ReportLines:
    """Lines about the logs: no exception, and nothing that is not the gateway's."""
    events = Counter(event["event"] for event in world.log_events())
    yield (
        "log: " + ", ".join(f"{event} {number}" for event, number in events.most_common()),
        "unhandled-exception" not in events,
    )
    foreign = world.foreign_log_lines()
    yield f"log lines that are not from the gateway: {foreign[:5] or 'none'}", not foreign


def _id(request: EmulatorRequest) -> str:
    return str(request["headers"].get("x-request-id", ""))
