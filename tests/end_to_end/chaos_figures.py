"""What a run came to: figures to print, and what they must be."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from end_to_end.chaos_clients import Call
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_run import Ran
from end_to_end.chaos_truth import identifier
from end_to_end.chaos_world import KEYS, QUIET, World

from gateway.ledger.cost import CostClass
from gateway.ledger.sqlite_ledger import read_rows
from gateway.resilience.retry_policy import RetryBudgetPolicy

NAMES = dict(zip(KEYS, ("quiet", "near", "far"), strict=True))
#: Seconds of the ledger that `kill -9` may lose, and those that a busy machine writes later.
LOST = 1.0 + 3.0
BUDGET = RetryBudgetPolicy()
#: Seconds after Redis's return in which a replica may not yet have told it what was written meanwhile.
MISSED = 2.0

Exchange = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """The table, and what is wrong with it."""

    lines: list[str]
    wrong: list[str]


def figures(world: World, plan: Plan, ran: Ran) -> Figures:
    """Everything about a run whose replicas have ended."""
    exchanges = [each for each in world.control("GET", "requests") if "/fhir/" in each["path"]]
    parts = (
        _plan(plan, world, ran),
        _answers(world, ran),
        _writes(world, ran, exchanges),
        _quiet(ran),
        _bill(world, ran, exchanges),
        _ledger(world, ran, exchanges),
        _memory(ran),
        _recovery(plan, ran),
        _logs(world),
    )
    said = [each for part in parts for each in part]
    return Figures([text for text, right in said], [text for text, right in said if not right])


Said = Iterator[tuple[str, bool]]


def _plan(plan: Plan, world: World, ran: Ran) -> Said:
    length = (
        f"{plan.seconds:.0f} s at {plan.factor:g} times the speed: {plan.seconds * plan.factor / 60:.0f} min"
    )
    yield (
        f"run: {length}; seed {plan.seed}; {len(world.kills)} kills, {len(ran.absences)} absences of Redis",
        True,
    )


def _answers(world: World, ran: Ran) -> Said:
    by_site: dict[str, Counter[int]] = defaultdict(Counter)
    for call in ran.seen.calls:
        by_site[call.site][call.status] += 1
    for site, statuses in by_site.items():
        shown = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
        yield f"answers, {NAMES[site]}: {shown}", True
    codes = Counter(call.code for call in ran.seen.calls if call.code)
    yield "codes: " + ", ".join(f"{code} {number}" for code, number in codes.most_common()), True
    walks = ran.seen.walks
    yield f"walks to the end {walks[True]}, given up {walks[False]}", True
    yield f"wrong answers: {dict(ran.truth.wrong) or 'none'}", not ran.truth.wrong
    absences = [*ran.absences, *world.absences()]
    late = [each for each in ran.seen.stale if not _excused(absences, each.written, each.read)]
    missed = f"not as written {len(ran.seen.stale)}, of these with Redis there all the time {len(late)}"
    yield f"reads after an own write {ran.seen.reread}, {missed}", not late


def _excused(absences: list[tuple[float, float]], written: float, read_at: float) -> bool:
    """Whether Redis was away between write and read, or so shortly before that a replica missed it."""
    return any(start - 1 < read_at and written < end + MISSED for start, end in absences)


def _writes(world: World, ran: Ran, exchanges: Iterable[Exchange]) -> Said:
    held: Counter[tuple[str, str]] = Counter()
    for site in KEYS:
        rows = world.control("GET", f"truth/{site}/Patient")
        held.update((site, found) for each in rows if (found := identifier(each["resource"])))
    allowed = {"done": {1}, "unknown": {0, 1}, "refused": {0}}
    endings = Counter(each.ending for each in ran.seen.writes)
    made = Counter(each.ending for each in ran.seen.writes if held[each.site, each.identifier])
    wrong = [each for each in ran.seen.writes if held[each.site, each.identifier] not in allowed[each.ending]]
    for ending in allowed:
        yield f"creates {ending}: {endings[ending]}, of these held by the practice {made[ending]}", True
    yield f"creates lost, doubled or made in spite of a refusal: {wrong or 'none'}", not wrong
    sent = Counter(_id(each) for each in exchanges if each["method"] in {"POST", "PUT"})
    twice = sum(number > 1 for number in sent.values())
    yield f"writes sent upstream {len(sent)}, twice {twice}", not twice


def _quiet(ran: Ran) -> Said:
    calls = [each for each in ran.seen.calls if each.site == QUIET and each.client != "stranger"]
    answered = [each for each in calls if each.status]
    failed = [each for each in answered if each.status >= 400]
    yield f"quiet site: {len(answered)} answers, of these failures {len(failed)} {_codes(failed)}", not failed
    calm = [_seconds(each) for each in answered if each.ended < ran.calm_until]
    rest = [_seconds(each) for each in answered if each.ended >= ran.calm_until]
    yield f"quiet site, before any fault: {_spread(calm)}", True
    yield f"quiet site, with the others failing: {_spread(rest)}", True


def _codes(calls: Iterable[Call]) -> dict[str, int]:
    return dict(Counter(each.code for each in calls))


def _seconds(call: Call) -> float:
    return call.ended - call.started


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "too few"
    found = quantiles(seconds, n=100, method="inclusive")
    return (
        f"p50 {found[49] * 1000:.0f} ms, p99 {found[98] * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms"
    )


def _bill(world: World, ran: Ran, exchanges: list[Exchange]) -> Said:
    calls = {each.id for each in ran.seen.calls}
    strange = [each for each in exchanges if _id(each) not in calls and not _id(each).startswith("recovery")]
    yield f"exchanges that nobody asked for: {len(strange)}", not strange
    saved = sum("hit" in each.cache or "collapsed" in each.cache for each in ran.seen.calls)
    yield f"requests {len(ran.seen.calls)}, answered from memory or together {saved}", True
    for site in KEYS:
        mine = [each for each in exchanges if site in each["path"]]
        yield _spent(site, mine, len(world.replicas) + len(world.kills))


def _spent(site: str, exchanges: list[Exchange], processes: int) -> tuple[str, bool]:
    """What a site was asked: its own questions, smaller pages after 413, and the same again.

    A Redis that comes back empty leaves each process with what it knows by itself.
    """
    asked: dict[tuple[str, str, str], list[Exchange]] = defaultdict(list)
    for each in exchanges:
        asked[_id(each), each["path"], each["query"]].append(each)
    again = sum(len(each) - 1 for each in asked.values())
    paid_again = sum(sum(each["charge"] == "paid" for each in same[1:]) for same in asked.values())
    twice = sum(max(0, sum(each["charge"] == "paid" for each in same) - 1) for same in asked.values())
    paid = sum(each["charge"] == "paid" for each in exchanges)
    smaller = len(asked) - len({name for name, _, _ in asked})
    too_large = sum(each["status"] == 413 for each in exchanges)
    least = max(BUDGET.min_per_hour, int(paid * BUDGET.ratio))
    spare = BUDGET.min_per_hour * (processes - 1)
    first = (
        f"{NAMES[site]}: exchanges {len(exchanges)}, billed {paid}; smaller pages {smaller}, 413s {too_large}"
    )
    second = f"sent again {again} of {least} (billed {paid_again}, for a second time {twice})"
    return f"{first}; {second}", again <= least + spare and smaller <= too_large


def _ledger(world: World, ran: Ran, exchanges: list[Exchange]) -> Said:
    rows = read_rows(world.ledger)
    doomed = {each.id for each in ran.seen.calls if _doomed(world, each)}
    for site in KEYS:
        billed = sum(row.queries for row in rows if row.key.site == site and row.key.cost is CostClass.BILLED)
        maybe = sum(
            row.queries for row in rows if row.key.site == site and row.key.cost is CostClass.MAYBE_BILLED
        )
        mine = [each for each in exchanges if site in each["path"] and each["charge"] == "paid"]
        lost = sum(_id(each) in doomed for each in mine)
        said = f"billed {billed}, maybe {maybe}; not written when killed at most {lost}; the bill {len(mine)}"
        yield f"ledger, {NAMES[site]}: {said}", billed <= len(mine) <= billed + maybe + lost


def _doomed(world: World, call: Call) -> bool:
    """Whether a replica was killed before it can have written down what this call cost."""
    return any(
        call.replica == kill.url and call.started < kill.at and call.ended > kill.at - LOST
        for kill in world.kills
    )


def _memory(ran: Ran) -> Said:
    for memory in ran.memory:
        when = f"{memory.at:.0f} s" if memory.at >= 0 else "end"
        shown = ", ".join(f"{size:.0f} MB" for size in memory.resident.values())
        yield f"memory at {when}: {shown}; sockets {[*memory.sockets.values()]}", True
    first, last = ran.memory[0], ran.memory[-1]
    steady = next(iter(first.resident))
    grown = last.resident[steady] / first.resident[steady] - 1
    yield f"memory of the replica that was not killed grew by {grown:.0%} since the first third", grown < 0.3


def _recovery(plan: Plan, ran: Ran) -> Said:
    longest = plan.scaled(300)
    for site, seconds in ran.recovery.items():
        yield (
            (
                f"{NAMES[site]}: well {seconds:.1f} s after the last fault "
                f"(circuit_breaker.max_open_seconds {longest:.1f} s)"
            ),
            True,
        )
    yield f"pages of the largest walk before and after: {ran.large}", len(set(ran.large)) == 1


def _logs(world: World) -> Said:
    events = Counter(each["event"] for each in world.logged())
    yield (
        "log: " + ", ".join(f"{event} {number}" for event, number in events.most_common()),
        "unhandled-exception" not in events,
    )
    complaints = world.complaints()
    yield f"lines in the log that are not ours: {complaints[:5] or 'none'}", not complaints


def _id(exchange: Exchange) -> str:
    return str(exchange["headers"].get("x-request-id", ""))
