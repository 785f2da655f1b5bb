"""Plays a trace to whoever answers it, at its own times."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from benchmarks.day.asking import KIND, Answer, Ask, Request
from benchmarks.day.events import Call, Change, Event
from benchmarks.day.halo import Halo
from benchmarks.day.truth import Question, Truth, Verdict, question


@dataclass
class Seen:
    """What the apps saw: requests by kind of traffic, verdicts on the bodies, and each wrong one in words."""

    asked: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def replayed(events: Iterable[Event], ask: Ask, halo: Halo, truth: Truth | None = None) -> Seen:
    """What the apps see. Raises AssertionError for a request that fails."""
    seen, clock = Seen(), halo.clock
    async with asyncio.TaskGroup() as group:
        for event in events:
            await asyncio.sleep(event.at - clock.seconds)
            if isinstance(event, Change):
                halo.change(event.type, event.id, event.changes)
            else:
                group.create_task(_called(event, ask, halo, truth, seen))
    return seen


async def in_turn(events: Iterable[Event], ask: Ask, halo: Halo) -> Seen:
    """What the apps see when each waits for the one before it, and answers take no time."""
    seen = Seen()
    for event in events:
        halo.clock.seconds = event.at
        if isinstance(event, Change):
            halo.change(event.type, event.id, event.changes)
        else:
            await _called(event, ask, halo, None, seen)
    return seen


async def _called(call: Call, ask: Ask, halo: Halo, truth: Truth | None, seen: Seen) -> None:
    KIND.set(call.kind)
    request, page = call.request, 0
    while True:
        sent = halo.clock.seconds
        answer = await ask(request)
        assert answer.status in {200, 201}, (
            f"{request.method} {request.path}: {answer.status} {answer.body!r}"
        )
        seen.asked[call.kind] += 1
        if truth and call.kind != "write":
            asked = question(call.request, page)
            _judged(truth.verdict(asked, answer, sent, halo.clock.seconds), asked, sent, seen)
        following = _next(answer) if call.pages else ""
        if not following:
            return
        request, page = Request("GET", following), page + 1


def _judged(verdict: Verdict, asked: Question, sent: float, seen: Seen) -> None:
    seen.verdicts[verdict] += 1
    if verdict != "right":
        seen.wrong.append(f"{verdict}: {asked} at {sent:.3f}")


def _next(answer: Answer) -> str:
    """Where the next page is; an app that asks Halo itself has to know that only the path's tail holds."""
    links = msgspec.json.decode(answer.body)["link"]
    found = (each["url"] for each in links if each["relation"] == "next")
    return next(found, "").partition("/fhir/R4/")[2]
