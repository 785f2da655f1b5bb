"""Queries that were submitted through the gateway, as far as later answers need it; shared by replicas."""

import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec
from cachetools import TLRUCache

from gateway.exchange import FhirResponse
from gateway.fhir.raw_json import decode_readable
from gateway.sql.operation import SqlAction, SqlOperation
from gateway.sql.rewrite import Scope
from gateway.stores.base import Store

#: Maximum number of queries in the memory of this process.
_MAX_LOCAL: Final = 10_000
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
#: Answers to a submission are short; `id` names the query.
_MAX_ANSWER: Final = 65_536
#: Seconds from a query to the end of its results: up to 2 hours in Halo's queue, 24 of its results, one more.
_RESULT_SECONDS: Final = 27 * 3_600.0
#: A registered query runs for a day at most.
_SECONDS: Final = {
    SqlAction.ASYNC: _RESULT_SECONDS,
    SqlAction.REGISTER: 24 * 3_600.0 + _RESULT_SECONDS,
}


class SubmittedQuery(msgspec.Struct, frozen=True):
    """What later answers to a query need.

    `return_name`: parameter that the client expects as a return value; empty if none. `wider_scope`: scope of
    rewriting that the site needs if it refuses the query's parameters; empty if that would teach nothing.
    """

    return_name: str = ""
    wider_scope: Scope | Literal[""] = ""

    @property
    def is_ordinary(self) -> bool:
        """Whether later answers need nothing of it."""
        return not self.return_name and not self.wider_scope


class _Answer(msgspec.Struct):
    id: str = ""


_decode_answer = msgspec.json.Decoder(_Answer).decode


class SubmittedQueries:
    """Queries by site and the id that Halo gave them; each expires with its results.

    The store is shared with the cache, which may evict a query early: this process also keeps the last ones.
    `clock` returns seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._local: TLRUCache[str, tuple[SubmittedQuery, float]] = TLRUCache(
            _MAX_LOCAL, ttu=lambda _, item, now: now + item[1], timer=clock
        )

    async def add(self, operation: SqlOperation, response: FhirResponse, query: SubmittedQuery) -> None:
        """Remember a query by the answer to its submission, unless it is ordinary or has no later answers."""
        seconds = _SECONDS.get(operation.action)
        if seconds is None or query.is_ordinary:
            return
        name = _name(operation.guid, _query_id(response.body))
        if name:
            self._local[name] = query, seconds
            await self._store.set(name, msgspec.msgpack.encode(query), seconds)

    async def find(self, operation: SqlOperation) -> SubmittedQuery:
        """Return the query that a request asks about; an ordinary one if it is not known."""
        name = _name(operation.guid, operation.query_id)
        local = self._local.get(name)
        return local[0] if local else _decode(await self._store.get(name) if name else None)


_ORDINARY = SubmittedQuery()


def _decode(data: bytes | None) -> SubmittedQuery:
    try:
        return msgspec.msgpack.decode(data, type=SubmittedQuery) if data else _ORDINARY
    except msgspec.MsgspecError:
        return _ORDINARY  # of another version of the gateway


def _query_id(body: bytes) -> str:
    try:
        return decode_readable(body, _decode_answer).id if len(body) <= _MAX_ANSWER else ""
    except (msgspec.MsgspecError, UnicodeError):
        return ""


def _name(guid: str, query_id: str) -> str:
    """Name in the store; empty for an id that Halo does not give."""
    return f"sql-query/{guid} {query_id.lower()}" if _ID.fullmatch(query_id) else ""
