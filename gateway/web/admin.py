"""`/admin/…`: the ledger, the cache and purges, for the operator behind a bearer token."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hmac import compare_digest
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.core import kinds
from gateway.core.caps import share
from gateway.core.cost import Row
from gateway.core.failure import Failure
from gateway.core.resource_types import RESOURCE_TYPES
from gateway.core.statement import as_csv, as_json
from gateway.handlers.answered import answer, unexpected
from gateway.stores.daily_use import Standing
from gateway.web import checks

_log = structlog.get_logger()
_MOST = 10_000
_FORMATS = ("json", "csv")
_ASKED = ("site", "since", "format")
_PRIVATE = {"cache-control": "no-store"}

#: Site GUID, resource type and patient id (each of the last two may be empty: all) -> entries forgotten.
Forget = Callable[[str, str, str], Awaitable[int]]
Rows = Callable[[str, str], list[Row]]
Statistics = Callable[[], Awaitable[Mapping[str, Any]]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Purge(msgspec.Struct, forbid_unknown_fields=True):
    """What to forget: of a site, only one type, or only what concerns one patient."""

    site: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    type: str = ""
    patient: Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-.]{0,64}$")] = ""


@dataclass(frozen=True, slots=True)
class Admin:
    """What the operator may see and do.

    `rows` reads the ledger by site GUID and ISO day (either may be empty); `names` gives a GUID's alias.
    """

    token: str
    rows: Rows
    statistics: Statistics
    forget: Forget
    standings: Callable[[], list[Standing]] = list
    names: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def routes(self) -> list[Route]:
        """The routes; without a token there are none, and the paths are unknown."""
        if not self.token:
            return []
        return [
            Route("/admin/ledger", self._guarded(self._ledger)),
            Route("/admin/cache", self._guarded(self._cache)),
            Route("/admin/purge", self._guarded(self._purge), methods=["POST"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self._admitted(request)
                return await endpoint(request)
            except Failure as failure:
                return _refusal(failure)
            except Exception as problem:  # noqa: BLE001 - a bug must become an answer here, too
                return _refusal(unexpected(problem))

        return guarded

    def _admitted(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise Failure(
                kinds.CREDENTIALS_MISSING,
                text="Send Authorization: Bearer with the token of the setting admin.token.",
                headers=(("www-authenticate", 'Bearer realm="admin"'),),
            )

    async def _ledger(self, request: Request) -> Response:
        site, since, shape = _asked(request)
        rows = await run_in_threadpool(_read, self.rows, self._guid(site), since)
        if shape == "csv":
            return PlainTextResponse(as_csv(rows, self.names), headers=_PRIVATE, media_type="text/csv")
        now = self.now()
        caps = [_standing(each) for each in self.standings() if site in {"", each.site, each.name}]
        return JSONResponse({**as_json(rows, self.names, now), "caps": caps}, headers=_PRIVATE)

    async def _cache(self, request: Request) -> Response:
        del request
        return JSONResponse({"asOf": self.now().isoformat(), **await self.statistics()}, headers=_PRIVATE)

    async def _purge(self, request: Request) -> Response:
        asked = _purge(await checks.body(request, _MOST))
        entries = await self.forget(asked.site, asked.type, asked.patient)
        name = self.names.get(asked.site, asked.site[:8])
        _log.info("purged", site=name, type=asked.type, one_patient=bool(asked.patient), entries=entries)
        return JSONResponse({"purged": entries}, headers=_PRIVATE)

    def _guid(self, site: str) -> str:
        return next((guid for guid, name in self.names.items() if name == site), site.lower())


def _refusal(failure: Failure) -> Response:
    said = answer(failure)
    return Response(said.body, said.status, dict(said.headers))


def _asked(request: Request) -> tuple[str, str, str]:
    """Site, since and format. Raises Failure 400."""
    given = request.query_params
    unknown = next((name for name in given if name not in _ASKED), None)
    if unknown is not None:
        raise _bad("Only site, since and format can be asked for.")
    since, shape = given.get("since", ""), given.get("format", "json")
    if shape not in _FORMATS:
        raise _bad("format is json or csv.", "http.format")
    with suppress(ValueError):
        return given.get("site", ""), since and date.fromisoformat(since).isoformat(), shape
    raise _bad("since is a day, written like 2026-07-01.", "http.since")


def _read(rows: Rows, guid: str, since: str) -> list[Row]:
    """The ledger's rows. Raises Failure 503 where the disk or Redis does not give them."""
    try:
        return rows(guid, since)
    except (ConnectionError, sqlite3.Error):
        text = "The ledger cannot be read now, and /readyz says why: try again."
        raise Failure(kinds.OVERLOADED, text=text) from None


def _purge(body: bytes) -> Purge:
    """What to forget. Raises Failure 400."""
    try:
        asked = msgspec.json.decode(body, type=Purge)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _bad(_PURGE) from None
    if asked.type and asked.type not in RESOURCE_TYPES:
        raise _bad("type is a resource type of FHIR R4, with a capital.", "type")
    return asked


_PURGE = (
    'Send JSON like {"site": "<Halo GUID in lower case>", "type": "Patient", "patient": "1"}; type and'
    " patient may be left out, nothing else may be in."
)


def _bad(text: str, expression: str = "") -> Failure:
    return Failure(kinds.BAD_REQUEST, text=text, expression=expression)


def _standing(each: Standing) -> dict[str, Any]:
    return {
        "site": each.site,
        "name": each.name,
        "queries": {"used": each.use.queries, "cap": each.cap.queries},
        "bytes": {"used": each.use.octets, "cap": each.cap.octets},
        "usedShare": round(share(each.cap, each.use), 4),
        "stopsBatch": each.cap.stops_batch,
        "reachedInHour": each.hour.isoformat() if each.hour else None,
    }
