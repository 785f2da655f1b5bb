"""Whether an answer is what the practice held when it was read, and was read late enough.

Halo stamps each answer with the moment at which it read its database. A body must be what the practice held
at that moment, though it may hold something else since; the moment must lie within the lifetime that
docs/cache.md promises, and after every write that was answered before the question was asked. What R4 makes
of the practice's rows is worked out by the emulator without its known issues, from the question as the app
put it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from benchmarks.day.asking import HOST, Answer, Request
from benchmarks.day.halo import ANSWERED, SETTINGS, STAMP, Halo
from gateway.cache.lifetimes import lifetime_of_type
from gateway.emulator.bundle import searchset
from gateway.emulator.practice import Practice
from gateway.emulator.request_context import RequestContext
from gateway.emulator.settings import (
    DEFAULT_LAST_UPDATED_STYLES,
    DOCUMENTED_FAULTS,
    EmulatorSettings,
    apply_merge_patch,
)
from gateway.emulator.sites import BRISBANE, SITES

Verdict = Literal["right", "too old", "older than a write", "never so"]

#: Known issues that stay: inactive rows are hidden, references are absolute, on the gateway's own base.
_STAY = ("inactive-records", "reference-base-url")
#: What R4 makes of the practice's rows.
R4 = apply_merge_patch(
    SETTINGS,
    {
        "faults": {each: each in _STAY for each in DOCUMENTED_FAULTS},
        "variants": {"date_model": "r4-a", "last_updated": dict.fromkeys(DEFAULT_LAST_UPDATED_STYLES, "ok")},
    },
)
PAGE = 50


@dataclass(frozen=True)
class Question:
    """What was asked, by whatever spelling; `offset` of a further page."""

    type: str
    id: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types that the answer is made of."""
        named = [each.split(":") for name, each in self.pairs if name == "_include"]
        return tuple(sorted({self.type, *(code.capitalize() for _, code, *_ in named)}))


def question(request: Request, page: int = 0) -> Question:
    """The question of a request, or of a page that its links led to."""
    path, _, query = request.path.partition("?")
    name, _, identity = path.partition("/")
    pairs = parse_qsl(query) + parse_qsl(request.body.decode() if identity == "_search" else "")
    pairs += [("_offset", str(page * PAGE))] if page else []
    return Question(name, "" if identity == "_search" else identity, tuple(pairs))


class Truth:
    """Judges answers: under R4 those of a gateway, under the emulator's own settings those of Halo itself."""

    def __init__(self, halo: Halo, settings: EmulatorSettings = R4) -> None:
        self._halo = halo
        self._settings = settings
        self._known: dict[object, bytes] = {}
        self._read: dict[bytes, bytes] = {}

    def verdict(self, asked: Question, answer: Answer, sent: float, received: float) -> Verdict:
        """Whether the body is what was true when its stamp says it was read, and that was late enough."""
        read = float(answer.field(STAMP))
        if self._digest(answer.body) != self._at(asked, read):
            return "never so"
        if read < max(self._written(each, sent) for each in asked.types):
            return "older than a write"
        return "too old" if read < min(sent, received - self.lifetime(asked)) else "right"

    def lifetime(self, asked: Question) -> int:
        """Seconds that docs/cache.md promises at most; what synchronises is never kept."""
        if any(name == "_lastUpdated" for name, _ in asked.pairs):
            return 0
        return min(lifetime_of_type(each).balanced for each in asked.types)

    def _written(self, name: str, sent: float) -> float:
        """When an app last changed a table, of the changes that were answered before `sent`."""
        past = reversed(self._halo.practice.past[name])
        known = sent - ANSWERED
        return next((each.since for each in past if each.by == "write" and each.since <= known), -1)

    def _at(self, asked: Question, moment: float) -> bytes:
        practice = self._halo.practice
        versions = tuple((name, practice.version(name, moment)) for name in asked.types)
        if (asked, versions) not in self._known:
            then = Practice(SITES[BRISBANE], SETTINGS)
            tables = {name: practice.past[name][number].table for name, number in versions}
            then.__dict__["tables"] = tables
            then.index = practice.index
            self._known[asked, versions] = _plain(self._answer(asked, then))
        return self._known[asked, versions]

    def _answer(self, asked: Question, then: Practice) -> Any:
        visit = RequestContext(SITES[BRISBANE], then, self._settings, f"http://{HOST}", "integrator")
        if asked.id:
            record = visit.find_record(asked.type, asked.id)
            return visit.render(record) if record else None
        return searchset(visit, asked.type, list(asked.pairs))

    def _digest(self, body: bytes) -> bytes:
        name = hashlib.sha256(body).digest()
        if name not in self._read:
            self._read[name] = _plain(msgspec.json.decode(body))
        return self._read[name]


def _plain(answer: Any) -> bytes:
    """What an answer says, whatever its links, spelt in one way: SHA-256 of it."""
    if isinstance(answer, dict) and answer["resourceType"] == "Bundle":
        entries = [(each["search"]["mode"], _resource(each["resource"])) for each in answer.get("entry", ())]
        answer = [answer.get("total"), [each for each in entries if each[0] != "outcome"]]
    elif isinstance(answer, dict):
        answer = _resource(answer)
    return hashlib.sha256(msgspec.json.encode(answer, order="sorted")).digest()


def _resource(resource: dict[str, Any]) -> dict[str, Any]:
    stamp = datetime.fromisoformat(resource["meta"]["lastUpdated"]).timestamp()
    return {**resource, "meta": {**resource["meta"], "lastUpdated": stamp}}
