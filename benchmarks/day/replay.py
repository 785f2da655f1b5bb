"""Replay of a trace at its own times."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from benchmarks.day.asgi_client import KIND, Client, Request, Response
from benchmarks.day.events import Call, Change, Event
from benchmarks.day.halo import STAMP, Halo
from benchmarks.day.truth import Oracle, ParsedRequest, Verdict, parse_request


@dataclass
class Observations:
    """Observations of the apps: requests by kind of traffic, verdicts, descriptions of wrong bodies.

    `oldest_polls`: highest age of a poll's data when it arrived, by app, in seconds.
    """

    requests: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    wrong_bodies: list[str] = field(default_factory=list)
    oldest_polls: dict[str, float] = field(default_factory=dict)


async def replay(
    events: Iterable[Event], client: Client, halo: Halo, oracle: Oracle | None = None
) -> Observations:
    """Replay events concurrently. Raises AssertionError for a request that fails."""
    observations, clock = Observations(), halo.clock
    async with asyncio.TaskGroup() as group:
        for event in events:
            await asyncio.sleep(event.at - clock.seconds)
            if isinstance(event, Change):
                halo.change(event.type, event.id, event.changes)
            else:
                group.create_task(_run_call(event, client, halo, oracle, observations))
    return observations


async def replay_sequentially(events: Iterable[Event], client: Client, halo: Halo) -> Observations:
    """Replay events one after the other, with responses that take no time."""
    observations = Observations()
    for event in events:
        halo.clock.seconds = event.at
        if isinstance(event, Change):
            halo.change(event.type, event.id, event.changes)
        else:
            await _run_call(event, client, halo, None, observations)
    return observations


async def _run_call(
    call: Call, client: Client, halo: Halo, oracle: Oracle | None, observations: Observations
) -> None:
    KIND.set(call.kind)
    request, page = call.request, 0
    while True:
        sent = halo.clock.seconds
        response = await client(request)
        assert response.status in {200, 201}, (
            f"{request.method} {request.path}: {response.status} {response.body!r}"
        )
        observations.requests[call.kind] += 1
        if oracle and call.kind != "write":
            parsed_request = parse_request(call.request, page)
            _record_verdict(
                oracle.verdict(parsed_request, response, sent, halo.clock.seconds, request.app),
                parsed_request,
                sent,
                observations,
            )
        if call.kind == "poll":
            age = halo.clock.seconds - float(response.header(STAMP))
            oldest = observations.oldest_polls
            oldest[request.app] = max(age, oldest.get(request.app, 0.0))
        next_path = _next_page_path(response) if call.pages else ""
        if not next_path:
            return
        request, page = Request("GET", next_path, app=request.app), page + 1


def _record_verdict(
    verdict: Verdict, parsed_request: ParsedRequest, sent: float, observations: Observations
) -> None:
    observations.verdicts[verdict] += 1
    if verdict != "correct":
        observations.wrong_bodies.append(f"{verdict}: {parsed_request} at {sent:.3f}")


def _next_page_path(response: Response) -> str:
    """Path of the next page below the FHIR base, or ""; only this part of Halo's link is correct."""
    links = msgspec.json.decode(response.body)["link"]
    urls = (link["url"] for link in links if link["relation"] == "next")
    return next(urls, "").partition("/fhir/R4/")[2]
