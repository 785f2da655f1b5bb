"""Practice behind Halo for a day: the emulator on the simulated clock, with delays and past versions."""

import asyncio
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.day.asgi_client import KEY, KIND
from benchmarks.day.virtual import Clock
from gateway.emulator.app import create_emulator
from gateway.emulator.billing import bill_key
from gateway.emulator.data.records import Record
from gateway.emulator.practice import Practice
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES
from gateway.emulator.state import EmulatorState

SETTINGS = EmulatorSettings(patients=600)
#: Seconds until the practice reads its database, and from then until the response arrives.
REQUEST_SECONDS, RESPONSE_SECONDS = 0.3, 0.2

#: Header with the time of the database read: caches store it with the body.
STAMP = b"content-language"

Table = dict[str, Record]


@dataclass(frozen=True)
class Version:
    """A table from `since` on, in seconds, and the kind of traffic that changed it."""

    since: float
    changed_by: str
    table: Table


class VersionedPractice(Practice):
    """A practice that stores every version of its tables."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(SITES[BRISBANE], SETTINGS, clock.now)
        self._seconds = clock
        self.changes = 0
        self.versions = {name: [Version(-1.0, "", dict(rows))] for name, rows in self.tables.items()}

    def update(self, resource: dict[str, Any]) -> Record:
        """Update the row and store the new version of its table."""
        record = super().update(resource)
        name = resource["resourceType"]
        self.changes += 1
        self.versions[name].append(Version(self._seconds.seconds, KIND.get(), dict(self.tables[name])))
        return record

    def version_at(self, name: str, seconds: float) -> int:
        """Index of the version of a table at a time in seconds."""
        return bisect_right(self.versions[name], seconds, key=lambda version: version.since) - 1


@dataclass
class Halo:
    """Halo Cloud with one practice; queries and response bytes by kind of traffic."""

    clock: Clock
    slow: bool = True
    queries: Counter[str] = field(default_factory=Counter)
    response_bytes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        emulator = create_emulator(SETTINGS, self.clock.now)
        self.state: EmulatorState = emulator.state.emulator
        self.practice = VersionedPractice(self.clock)
        self.state.practices[BRISBANE] = self.practice
        self._emulator: ASGIApp = emulator
        self._changes_at_start, self._messages = 0, dict[object, list[Message]]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond as Halo does, after the delays."""
        kind = KIND.get()
        body = (await receive()).get("body", b"")
        await asyncio.sleep(REQUEST_SECONDS if self.slow else 0)
        messages = _with_stamp(await self._emulator_messages(scope, body), self.clock.seconds)
        await asyncio.sleep(RESPONSE_SECONDS if self.slow else 0)
        self.queries[kind] += 1
        self.response_bytes[kind] += _size(messages)
        for message in messages:
            await send(message)

    async def _emulator_messages(self, scope: Scope, body: bytes) -> list[Message]:
        """Response of the emulator. A request repeated without a change in between is only billed."""
        key = (scope["path"], scope["query_string"], body)
        if self._changes_at_start != self.practice.changes:
            self._changes_at_start, self._messages = self.practice.changes, {}
        if scope["method"] == "PUT" or key not in self._messages:
            self._messages[key] = await _call(self._emulator, scope, body)
        else:
            line = bill_key(KEY, scope["path"].strip("/").split("/"))
            self.state.bill.add(line, "paid", _size(self._messages[key]))
        return self._messages[key]

    def change(self, name: str, identity: str, changes: dict[str, Any]) -> None:
        """Apply a change of the practice software."""
        row = self.practice.tables[name].get(identity)
        self.practice.update({**(row.resource if row else {}), **changes})


async def _call(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages


def _with_stamp(messages: list[Message], seconds: float) -> list[Message]:
    start, *rest = messages
    return [{**start, "headers": [*start["headers"], (STAMP, f"{seconds:.6f}".encode())]}, *rest]


def _size(messages: list[Message]) -> int:
    return sum(len(message.get("body", b"")) for message in messages)
