"""Stored responses under their questions: never one that was fetched before a write it depends on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import inf

from gateway.cache.directives import Allowed, allowed
from gateway.cache.freshness import MISSING, returned_types
from gateway.cache.invalidation import Generations
from gateway.cache.lookup import Caching, Question
from gateway.cache.patient_tags import besides, depends
from gateway.cache.stored_response import (
    StoredResponse,
    is_expected,
    is_missing,
    packed,
    stored_failure,
    unpacked,
)
from gateway.cache.validators import upstreams_tag, with_validators
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, Handler, Headers
from gateway.stores.base import Store
from gateway.stores.lock import led


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was waited for: an answer, or why there is none.

    `asker` asked for it; `stored`: it is kept; `collapsed`: another replica asked; `validated`: the upstream
    says that what was kept is still the same.
    """

    response: FhirResponse | Failure
    asker: str
    stored: bool = False
    collapsed: bool = False
    validated: bool = False

    def concerns(self, asker: str) -> bool:
        """Whether it holds for somebody who did not ask for it: not a refusal, which is another's own."""
        answered = isinstance(self.response, FhirResponse) or self.response.kind.sent
        return answered or asker == self.asker


class Responses:
    """What is kept, and how it comes to be kept."""

    def __init__(self, inner: Handler, store: Store, caching: Caching, now: Callable[[], datetime]) -> None:
        self._inner = inner
        self._store = store
        self._caching = caching
        self._now = now
        self.generations = Generations(store, shared=caching.lease > 0)

    async def get(self, question: Question) -> StoredResponse | None:
        """The kept answer, however old, if no write has touched it since."""
        stored = unpacked(await self._store.get(_name(question)))
        if stored is None or await self.generations.current(question.site, stored.generations):
            return stored
        return None

    async def fetched(self, question: Question, stored: StoredResponse | None) -> Fetched:
        """The upstream's answer, or one that another replica asked for after what is `stored`."""
        if not self._caching.lease or question.wanted.anew:
            return await self._asked(question, stored)
        return await led(
            self._store,
            f"lease/{question.key}",
            self._caching.lease,
            lambda: self._newer(question, stored.born if stored else -inf),
            lambda: self._asked(question, stored),
        )

    async def _newer(self, question: Question, after: float) -> Fetched | None:
        stored = await self.get(question)
        if stored is None or stored.born <= after or stored.age(self._time) >= stored.lifetime:
            return None
        return Fetched(stored.answer, question.asker, stored=True, collapsed=True)

    async def _asked(self, question: Question, stored: StoredResponse | None) -> Fetched:
        about = question.types | depends(question.request, question.types, self._caching.secret)
        facts = StoredResponse(self._time, 0, await self.generations.read(question.site, about))
        tag = self._tag(question, stored.headers) if stored else ""
        try:
            response = await self._inner(question.request.changed(validator=tag) if tag else question.request)
        except Failure as failure:
            return await self._failed(question, facts, failure)
        if stored and tag and response.status == HTTPStatus.NOT_MODIFIED:
            return await self._same(question, facts, stored.answer, allowed(response))
        if not is_expected(question.request, response):
            return Fetched(response, question.asker)
        answer = with_validators(response, self._now())
        kept = await self._kept(question, facts, answer, allowed(answer))
        return Fetched(answer, question.asker, stored=kept)

    async def _same(
        self, question: Question, facts: StoredResponse, answer: FhirResponse | Failure, limits: Allowed
    ) -> Fetched:
        """What was kept, which the upstream says is still so."""
        kept = isinstance(answer, FhirResponse) and await self._kept(question, facts, answer, limits)
        return Fetched(answer, question.asker, stored=kept, validated=True)

    def _tag(self, question: Question, headers: Headers) -> str:
        """What the upstream may judge a kept answer by; empty without."""
        return upstreams_tag(question.request, headers) if self._caching.trust_etags else ""

    async def _failed(self, question: Question, facts: StoredResponse, failure: Failure) -> Fetched:
        if is_missing(question.request, failure):
            seconds = min(MISSING, question.freshness.lifetime(question.types))
            missing = StoredResponse(facts.born, seconds, facts.generations, failure=stored_failure(failure))
            await self._keep(question, missing, ())
        return Fetched(failure, question.asker)

    async def _kept(
        self, question: Question, facts: StoredResponse, answer: FhirResponse, limits: Allowed
    ) -> bool:
        shown = question.types | returned_types(answer.body)
        lifetime = min(question.freshness.lifetime(shown), limits.lifetime)
        if not limits.keep or lifetime <= 0 or len(answer.body) > self._caching.max_body:
            return False
        stored = StoredResponse(
            facts.born,
            lifetime,
            facts.generations,
            question.freshness.stale_for(shown) if limits.stale else 0,
            question.freshness.revalidated_for(shown) if limits.stale else 0,
            validated=lifetime if self._tag(question, answer.headers) else 0,
        )
        patients = besides(question.request, answer, shown)
        return await self._keep(question, stored.with_answer(answer), shown | patients)

    async def _keep(self, question: Question, stored: StoredResponse, shown: Iterable[str]) -> bool:
        """Whether it was kept: not when a write came in between, nor when its time is over already."""
        now = await self.generations.completed(question.site, stored.generations, shown)
        seconds = stored.kept_for - stored.age(self._time)
        if now is None or seconds <= 0:
            return False
        await self._store.set(_name(question), packed(stored.under(now)), seconds)
        return True

    @property
    def _time(self) -> float:
        return self._now().timestamp()


def _name(question: Question) -> str:
    return f"response/{question.key}"
