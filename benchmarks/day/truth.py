"""Oracle of responses: correct for the time of the database read, and read late enough.

Halo stamps each response with the time of the database read. A body must equal the practice's data of that
time, even if the data has changed since. The time must be within the lifetime that docs/cache.md promises,
and after every write whose response arrived before the request was sent. The emulator without its known
issues computes the expected R4 response from the app's request.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from benchmarks.day.asgi_client import HOST, Request, Response
from benchmarks.day.halo import RESPONSE_SECONDS, SETTINGS, STAMP, Halo
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

Verdict = Literal["correct", "too old", "older than a write", "never existed"]

#: Known issues that remain: inactive rows are hidden, references are absolute on the gateway's base.
_REMAINING = ("inactive-records", "reference-base-url")
#: Settings under which the emulator responds as R4 defines.
R4 = apply_merge_patch(
    SETTINGS,
    {
        "faults": {fault: fault in _REMAINING for fault in DOCUMENTED_FAULTS},
        "variants": {"date_model": "r4-a", "last_updated": dict.fromkeys(DEFAULT_LAST_UPDATED_STYLES, "ok")},
    },
)
PAGE = 50
#: Ages that apps for display accept, where they differ from the lifetime.
DISPLAY_SECONDS = {"Appointment": 30, "Schedule": 30}


@dataclass(frozen=True)
class ParsedRequest:
    """A request independent of its spelling; further pages have `_offset`."""

    type: str
    id: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """Resource types of the response."""
        includes = [value.split(":") for name, value in self.pairs if name == "_include"]
        return tuple(sorted({self.type, *(code.capitalize() for _, code, *_ in includes)}))


def parse_request(request: Request, page: int = 0) -> ParsedRequest:
    """Parse a request, or the request for a further page of it."""
    path, _, query = request.path.partition("?")
    name, _, identity = path.partition("/")
    pairs = parse_qsl(query) + parse_qsl(request.body.decode() if identity == "_search" else "")
    pairs += [("_offset", str(page * PAGE))] if page else []
    return ParsedRequest(name, "" if identity == "_search" else identity, tuple(pairs))


class Oracle:
    """Judges responses: under R4 those of a gateway, under the emulator's settings those of Halo.

    `display_apps` accept older data, as docs/apps.md promises; every other app gets what docs/cache.md says.
    """

    def __init__(
        self, halo: Halo, settings: EmulatorSettings = R4, display_apps: frozenset[str] = frozenset()
    ) -> None:
        self._halo = halo
        self._display_apps = display_apps
        self._settings = settings
        self._expected_digests: dict[object, bytes] = {}
        self._digests: dict[bytes, bytes] = {}

    def verdict(
        self, request: ParsedRequest, response: Response, sent: float, received: float, app: str = ""
    ) -> Verdict:
        """Verdict on body and time of a response to an app. `sent` and `received` in seconds."""
        read = float(response.header(STAMP))
        if self._digest(response.body) != self._expected_digest(request, read):
            return "never existed"
        if read < max(self._last_write(type_, sent) for type_ in request.types):
            return "older than a write"
        return "too old" if read < min(sent, received - self.lifetime(request, app)) else "correct"

    def lifetime(self, request: ParsedRequest, app: str = "") -> int:
        """Maximum age for an app in seconds; synchronisation requests are not cached."""
        if any(name == "_lastUpdated" for name, _ in request.pairs):
            return 0
        ceilings = DISPLAY_SECONDS if app in self._display_apps else {}
        return min(ceilings.get(type_, lifetime_of_type(type_).balanced) for type_ in request.types)

    def _last_write(self, name: str, sent: float) -> float:
        """Time of the last write of an app whose response arrived before `sent`, in seconds, or -1."""
        versions = reversed(self._halo.practice.versions[name])
        latest = sent - RESPONSE_SECONDS
        return next(
            (
                version.since
                for version in versions
                if version.changed_by == "write" and version.since <= latest
            ),
            -1,
        )

    def _expected_digest(self, request: ParsedRequest, seconds: float) -> bytes:
        practice = self._halo.practice
        versions = tuple((name, practice.version_at(name, seconds)) for name in request.types)
        if (request, versions) not in self._expected_digests:
            practice_then = Practice(SITES[BRISBANE], SETTINGS)
            tables = {name: practice.versions[name][number].table for name, number in versions}
            practice_then.__dict__["tables"] = tables
            practice_then.index = practice.index
            self._expected_digests[request, versions] = _digest_of(
                self._expected_body(request, practice_then)
            )
        return self._expected_digests[request, versions]

    def _expected_body(self, request: ParsedRequest, practice_then: Practice) -> Any:
        context = RequestContext(
            SITES[BRISBANE], practice_then, self._settings, f"http://{HOST}", "integrator"
        )
        if request.id:
            record = context.find_record(request.type, request.id)
            return context.render(record) if record else None
        return searchset(context, request.type, list(request.pairs))

    def _digest(self, body: bytes) -> bytes:
        name = hashlib.sha256(body).digest()
        if name not in self._digests:
            self._digests[name] = _digest_of(msgspec.json.decode(body))
        return self._digests[name]


def _digest_of(body: Any) -> bytes:
    """SHA-256 of a response's content in canonical form, without links."""
    if isinstance(body, dict) and body["resourceType"] == "Bundle":
        entries = [
            (entry["search"]["mode"], _normalized(entry["resource"])) for entry in body.get("entry", ())
        ]
        body = [body.get("total"), [entry for entry in entries if entry[0] != "outcome"]]
    elif isinstance(body, dict):
        body = _normalized(body)
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).digest()


def _normalized(resource: dict[str, Any]) -> dict[str, Any]:
    stamp = datetime.fromisoformat(resource["meta"]["lastUpdated"]).timestamp()
    return {**resource, "meta": {**resource["meta"], "lastUpdated": stamp}}
