"""A practice with a clock, an upstream that counts, and the cache between them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

from support.requests import NOW, fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.lookup import CacheConfig
from gateway.cache.response_cache import ResponseCache
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.stores.memory import MemoryStore

KEY = ("ocp-apim-subscription-key", "demo")
PATIENT = {"resourceType": "Patient", "id": "1"}


class Practice:
    """A clock, an upstream that counts, and the cache between them."""

    def __init__(self, freshness: Freshness | None = None, **caching: Any) -> None:
        self.now = NOW
        self.asked: list[str] = []
        self.validators: list[str] = []
        self.answer: FhirResponse | Failure = json_response(PATIENT)
        self.opened = asyncio.Event()
        self.opened.set()
        chosen = freshness or Freshness()
        self.store = MemoryStore(clock=self._seconds)
        self.caching = CacheConfig(b"s", lambda _: chosen, **caching)
        self.cached = ResponseCache(self.upstream, self.store, self.caching, self._clock)

    async def get(self, path: str = "Patient/1", query: str = "", **headers: str) -> FhirResponse:
        return await self.cached(asking(path, query, **headers))

    async def write(self) -> FhirResponse:
        return await self.cached(fhir_request("Patient/1", method="PUT", headers=(KEY,)))

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _clock(self) -> datetime:
        return self.now

    def _seconds(self) -> float:
        return self.now.timestamp()

    async def upstream(self, request: FhirRequest) -> FhirResponse:
        self.asked.append(f"{request.method} {request.path}?{request.upstream_search.query}")
        self.validators.append(request.if_none_match)
        answer = self.answer
        await self.opened.wait()
        if isinstance(answer, Failure):
            raise answer
        return answer


def asking(path: str = "Patient/1", query: str = "", **headers: str) -> FhirRequest:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return fhir_request(
        path, query, headers=(*(() if "ocp_apim_subscription_key" in headers else (KEY,)), *given)
    )


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def status(response: FhirResponse) -> str:
    return response.header("cache-status")


def searchset(*resources: Mapping[str, object], mode: str = "match") -> FhirResponse:
    entries = [{"resource": each, "search": {"mode": mode}} for each in resources]
    return json_response({"resourceType": "Bundle", "type": "searchset", "entry": entries})
