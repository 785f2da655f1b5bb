"""Response cache in front of a scripted practice."""

import asyncio
from collections.abc import Mapping
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
    """A clock, a scripted upstream that records its requests, and the cache in front of it."""

    def __init__(self, freshness: Freshness | None = None, **config: Any) -> None:
        self.now = NOW
        self.upstream_requests: list[str] = []
        self.response: FhirResponse | Failure = json_response(PATIENT)
        self.may_respond = asyncio.Event()
        self.may_respond.set()
        site_freshness = freshness or Freshness()
        self.store = MemoryStore(clock=self._timestamp)
        self.config = CacheConfig(b"s", lambda _: site_freshness, **config)
        self.cache = ResponseCache(self.upstream, self.store, self.config, self.clock)

    async def get(self, path: str = "Patient/1", query: str = "", **headers: str) -> FhirResponse:
        return await self.cache(get_request(path, query, **headers))

    async def write(self) -> FhirResponse:
        return await self.cache(fhir_request("Patient/1", method="PUT", headers=(KEY,)))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def clock(self) -> datetime:
        return self.now

    def _timestamp(self) -> float:
        return self.now.timestamp()

    async def upstream(self, request: FhirRequest) -> FhirResponse:
        """Respond with the response that was set when the request arrived."""
        self.upstream_requests.append(f"{request.method} {request.path}?{request.upstream_search.query}")
        response = self.response
        await self.may_respond.wait()
        if isinstance(response, Failure):
            raise response
        return response


def get_request(path: str = "Patient/1", query: str = "", **headers: str) -> FhirRequest:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    key = () if "ocp_apim_subscription_key" in headers else (KEY,)
    return fhir_request(path, query, headers=(*key, *fields))


def status(response: FhirResponse) -> str:
    return response.header("cache-status")


def searchset(*resources: Mapping[str, object], mode: str = "match") -> FhirResponse:
    entries = [{"resource": resource, "search": {"mode": mode}} for resource in resources]
    return json_response({"resourceType": "Bundle", "type": "searchset", "entry": entries})
