"""The practice behind Halo for a day: the emulator on the shared clock, slow, with all that it ever held."""

import asyncio
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.day.asking import KEY, KIND
from benchmarks.day.virtual import Clock
from gateway.emulator.app import create_emulator
from gateway.emulator.billing import bill_key
from gateway.emulator.data.records import Record
from gateway.emulator.practice import Practice
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES
from gateway.emulator.state import EmulatorState

SETTINGS = EmulatorSettings(patients=600)
#: Seconds until the practice's database is read, and from then until the answer is back.
ASKED, ANSWERED = 0.3, 0.2

#: Says when the database was read: a field that caches keep with a body and hand on with it.
STAMP = b"content-language"

Table = dict[str, Record]


@dataclass(frozen=True)
class Version:
    """A table as it was from `since` on, and the kind of traffic that made it so."""

    since: float
    by: str
    table: Table


class Remembering(Practice):
    """A practice that keeps every state of its tables."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(SITES[BRISBANE], SETTINGS, clock.now)
        self._seconds = clock
        self.changes = 0
        self.past = {name: [Version(-1.0, "", dict(rows))] for name, rows in self.tables.items()}

    def update(self, resource: dict[str, Any]) -> Record:
        """The row with new content; the table as it is then is remembered."""
        record = super().update(resource)
        name = resource["resourceType"]
        self.changes += 1
        self.past[name].append(Version(self._seconds.seconds, KIND.get(), dict(self.tables[name])))
        return record

    def version(self, name: str, moment: float) -> int:
        """Which version of a table was in force at a moment."""
        return bisect_right(self.past[name], moment, key=lambda each: each.since) - 1


@dataclass
class Halo:
    """Halo Cloud with one practice; what was asked of it, by kind of traffic."""

    clock: Clock
    slow: bool = True
    queries: Counter[str] = field(default_factory=Counter)
    octets: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        emulator = create_emulator(SETTINGS, self.clock.now)
        self.state: EmulatorState = emulator.state.emulator
        self.practice = Remembering(self.clock)
        self.state.practices[BRISBANE] = self.practice
        self._emulator: ASGIApp = emulator
        self._since, self._same = 0, dict[object, list[Message]]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as Halo does."""
        kind = KIND.get()
        body = (await receive()).get("body", b"")
        await asyncio.sleep(ASKED if self.slow else 0)
        messages = _stamped(await self._answered(scope, body), self.clock.seconds)
        await asyncio.sleep(ANSWERED if self.slow else 0)
        self.queries[kind] += 1
        self.octets[kind] += _size(messages)
        for each in messages:
            await send(each)

    async def _answered(self, scope: Scope, body: bytes) -> list[Message]:
        """The emulator's answer. What was asked since the last change is billed again, but not worked out."""
        key = (scope["path"], scope["query_string"], body)
        if self._since != self.practice.changes:
            self._since, self._same = self.practice.changes, {}
        if scope["method"] == "PUT" or key not in self._same:
            self._same[key] = await _asked(self._emulator, scope, body)
        else:
            line = bill_key(KEY, scope["path"].strip("/").split("/"))
            self.state.bill.add(line, "paid", _size(self._same[key]))
        return self._same[key]

    def change(self, name: str, identity: str, changes: dict[str, Any]) -> None:
        """What the practice software does by itself."""
        row = self.practice.tables[name].get(identity)
        self.practice.update({**(row.resource if row else {}), **changes})


async def _asked(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages


def _stamped(messages: list[Message], moment: float) -> list[Message]:
    start, *rest = messages
    return [{**start, "headers": [*start["headers"], (STAMP, f"{moment:.6f}".encode())]}, *rest]


def _size(messages: list[Message]) -> int:
    return sum(len(each.get("body", b"")) for each in messages)
