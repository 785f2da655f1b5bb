"""Answers from memory what was asked a moment ago, and asks once what many ask at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from gateway.cache.directives import wanted
from gateway.cache.freshness import ANY_TYPE, says_its_age, written_types
from gateway.cache.lookup import Caching, Question, question
from gateway.cache.patient_tags import ANY_PATIENT
from gateway.cache.response_store import Fetched, Responses
from gateway.cache.stored_response import StoredResponse, as_of, is_away, judged, lasting
from gateway.cache.validators import names_no_version, not_modified
from gateway.errors.catalog import NO_VERSION, NOT_STORED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Kept, may_write
from gateway.http.cache_status import CacheStatus, Forward, forwarded, outcome, said
from gateway.stores.base import Store
from gateway.stores.single_flight import Flights


class Cached:
    """One upstream query for equal questions at once, and for as long as their answer is fresh."""

    def __init__(self, inner: Handler, store: Store, caching: Caching, now: Callable[[], datetime]) -> None:
        self._inner = inner
        self._caching = caching
        self._now = now
        self._responses = Responses(inner, store, caching, now)
        self._flights = Flights[Fetched](caching.orphans)
        self._looks = Flights[StoredResponse | None](caching.orphans)
        self._writes: set[asyncio.Task[FhirResponse]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer, with what the cache did in Cache-Status. Raises Failure."""
        if request.site is None:
            return await Uncached(self._inner)(request)
        if may_write(request):
            return await _passed(request, "method", self._written)
        version = await self._caching.version(request.site)
        asked = question(request, request.site, self._caching, version)
        if asked and not asked.wanted.no_store:
            return await self._answered(asked)
        if wanted(request).only_if_cached:
            raise _not_stored()
        return await _passed(request, "request" if asked else "bypass", self._inner)

    async def purge(self, site: str, counters: Sequence[str] = (ANY_TYPE,)) -> None:
        """Let nothing kept of a site (Halo GUID) that depends on these counters be served again."""
        await self._responses.generations.raised(site, counters)

    @property
    def flights(self) -> int:
        """Queries under way now."""
        return self._flights.count

    async def _answered(self, asked: Question) -> FhirResponse:
        stored = await self._stored(asked)
        if stored and asked.wanted.served(self._age(stored), stored.lifetime, stored.stale):
            return self._hit(asked, stored)
        if asked.wanted.only_if_cached:
            raise _not_stored()
        if stored and self._useful(asked, stored, stored.revalidate):
            self._flights.start(asked.key, self._ask(asked, stored), self._mark(asked))
            return self._hit(asked, stored, "revalidating")
        return await self._asked(asked, stored)

    async def _stored(self, asked: Question) -> StoredResponse | None:
        """What is kept. Where others share the store, all who ask during one look share the next.

        Hundreds of looks at once would take it longer than it may, and a store that is late counts as away;
        a look that had begun before may not know of a write elsewhere.
        """
        if not self._caching.lease:
            return await self._responses.get(asked)
        look = partial(self._responses.get, asked)
        return (await self._looks.shared(asked.key, look, self._mark(asked), fresh=True))[0]

    async def _asked(self, asked: Question, stored: StoredResponse | None) -> FhirResponse:
        """What the upstream says now; what it said before, where that is allowed while it is away."""
        forward = self._forward(asked, stored)
        fetched, collapsed = await self._flown(asked, stored)
        if isinstance(fetched.response, Failure):
            if stored and is_away(fetched.response) and self._useful(asked, stored, stored.stale):
                return self._hit(asked, stored, "practice-away")
            raise said(fetched.response, forwarded(fetched.response, forward, collapsed=collapsed))
        response = lasting(fetched.response) if collapsed else judged(fetched.response)
        received = HTTPStatus.NOT_MODIFIED if fetched.validated else response.status
        status = CacheStatus(forward, status=received, stored=fetched.stored, collapsed=collapsed)
        return self._finished(asked.request, response, status)

    async def _flown(self, asked: Question, stored: StoredResponse | None) -> tuple[Fetched, bool]:
        """What one query for all gave, and whether somebody else's did; not what only they are refused."""
        fetched, joined = await self._shared(asked, asked.key, stored)
        if joined and not fetched.concerns(asked.asker):
            fetched, joined = await self._shared(asked, f"{asked.key} {asked.asker}", stored)
        return fetched, joined or fetched.collapsed

    async def _shared(
        self, asked: Question, name: str, stored: StoredResponse | None
    ) -> tuple[Fetched, bool]:
        ask, mark = self._ask(asked, stored), self._mark(asked)
        return await self._flights.shared(name, ask, mark, fresh=asked.wanted.anew)

    def _hit(self, asked: Question, stored: StoredResponse, detail: str = "") -> FhirResponse:
        age = self._age(stored)
        status = CacheStatus(ttl=int(stored.lifetime - age), detail=detail)
        response = stored.answer
        if isinstance(response, Failure):
            raise said(response, status, age=int(age))
        if age >= stored.lifetime:
            response = as_of(response, datetime.fromtimestamp(stored.born, UTC).isoformat(timespec="seconds"))
        else:
            response = response.changed(kept=self._kept(asked, stored))
        return self._finished(asked.request, response.with_header("age", str(int(age))), status)

    def _kept(self, asked: Question, stored: StoredResponse) -> Kept:
        generations = self._responses.generations
        shared = self._caching.lease > 0
        current = partial(generations.current, asked.site, stored.generations) if shared else None
        return Kept(stored.born, stored.born + stored.lifetime, generations.unchanged(asked.site), current)

    def _finished(self, request: FhirRequest, response: FhirResponse, status: CacheStatus) -> FhirResponse:
        told = response.with_header("cache-status", status.text)
        told = told.with_header("cache-control", self._caching.downstream)
        return not_modified(request, told) or told

    def _useful(self, asked: Question, stored: StoredResponse, more: float) -> bool:
        """Whether an answer past its lifetime may still be given, within so many seconds more."""
        age = self._age(stored)
        taken = asked.wanted.takes_stale(age) and says_its_age(asked.request)
        return taken and stored.lifetime <= age < stored.lifetime + more

    def _forward(self, asked: Question, stored: StoredResponse | None) -> Forward:
        if asked.wanted.no_cache or (stored and self._age(stored) < stored.lifetime):
            return "request"
        return "stale" if stored else "uri-miss"

    def _ask(self, asked: Question, stored: StoredResponse | None) -> Callable[[], Awaitable[Fetched]]:
        return lambda: self._responses.fetched(asked, stored)

    def _mark(self, asked: Question) -> Callable[[], object]:
        return lambda: self._responses.generations.here(asked.site, asked.types | {ANY_PATIENT})

    def _age(self, stored: StoredResponse) -> float:
        return stored.age(self._now().timestamp())

    async def _written(self, request: FhirRequest) -> FhirResponse:
        """The answer to a write, which goes on when its client leaves: what it changed must be known."""
        if names_no_version(request):
            raise Failure(NO_VERSION)
        return await asyncio.shield(self._begun(request))

    def _begun(self, request: FhirRequest) -> asyncio.Task[FhirResponse]:
        task = asyncio.get_running_loop().create_task(self._writing(request))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _writing(self, request: FhirRequest) -> FhirResponse:
        site, changed = request.site.guid if request.site else "", written_types(request)
        await self._responses.generations.raised(site, changed)
        try:
            return await self._inner(request)
        finally:
            await self._responses.generations.raised(site, changed)


class Uncached:
    """Says that the cache has no part in what passes here."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer."""
        return await _passed(request, "method" if may_write(request) else "bypass", self._inner)


async def _passed(request: FhirRequest, forward: Forward, inner: Handler) -> FhirResponse:
    """What the cache has no part in."""
    try:
        response = judged(await inner(request))
    except Failure as failure:
        raise said(failure, forwarded(failure, forward)) from failure
    empty = request.parts == ()
    status = CacheStatus("", detail="empty") if empty else CacheStatus(forward, status=response.status)
    return response.with_header("cache-status", status.text)


def _not_stored() -> Failure:
    failure = Failure(NOT_STORED)
    return said(failure, forwarded(failure, "request"))


#: Resource type (empty where there is none) and outcome -> requests.
Tally = Counter[tuple[str, str]]


class Tallied:
    """Stands around the cache and reads what it says in Cache-Status."""

    def __init__(self, inner: Handler, tally: Tally) -> None:
        self._inner = inner
        self._tally = tally

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._add(request, dict(failure.headers).get("cache-status", ""), failure.kind.status)
            raise
        self._add(request, response.header("cache-status"), response.status)
        return response

    def _add(self, request: FhirRequest, field: str, status: int) -> None:
        found = outcome(field, status)
        if found:
            self._tally[request.interaction.type, found] += 1
