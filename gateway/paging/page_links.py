"""Links that clients can follow: sealed positions instead of the upstream's own page URLs."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.bundle import Link, linked
from gateway.fhir.search_params import search
from gateway.paging.page_token import packed, page, unpacked
from gateway.paging.upstream_links import positions

PARAMETER = "_page"
#: What says who asks: a page link is of use to that caller alone. A desktop token is renewed while its
#: device stays, so the device counts there.
_CALLER = ("ocp-apim-subscription-key", "deviceid")
_PAGED = frozenset({"search-type", "history"})


class Sealing(Protocol):
    """What seals and opens; see `paging/seal.py`."""

    def sealed(self, data: bytes, binding: bytes) -> str:
        """A token."""
        ...

    def opened(self, token: str, binding: bytes) -> bytes:
        """The data of a token; raises ValueError."""
        ...


class Paged:
    """Opens our page links on the way in, writes them on the way out."""

    def __init__(self, inner: Handler, seal: Sealing, lifetime: timedelta) -> None:
        self._inner = inner
        self._seal = seal
        self._lifetime = lifetime

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer with links on our base. Raises Failure 404 or 410 for a token that is not good."""
        token = request.asked.values(PARAMETER)
        request = self._opened(request, token[0]) if token else request
        response = await self._inner(request)
        if request.interaction.code not in _PAGED:
            return response.closed()
        if response.unlinked:
            links = self._links(request, response, response.pages or {})
            return response.changed(body=linked(response.body, links), unlinked=False)
        return self._linked(request, response.opened()).closed()

    def _opened(self, request: FhirRequest, token: str) -> FhirRequest:
        try:
            found = unpacked(self._seal.opened(token, binding(request)))
        except ValueError:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PARAMETER}") from None
        if found.path != request.path:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PARAMETER}")
        if found.expired(request.received):
            raise Failure(catalog.PAGE_EXPIRED, expression=f"http.{PARAMETER}")
        asked = search(found.asked)
        return request.changed(
            asked=asked,
            search=asked.without("_format"),
            position=found.position,
            received=found.received_at,
        )

    def _linked(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        if response.bundle is None or "signature" in response.bundle.fields:
            return response
        pages = positions(request, response.bundle) if response.pages is None else response.pages
        links = self._links(request, response, pages)
        return response.with_bundle(response.bundle.changed(links=links))

    def _links(
        self, request: FhirRequest, response: FhirResponse, pages: Mapping[str, Position]
    ) -> tuple[Link, ...]:
        return _self(request, response), *self._pages(request, pages)

    def _pages(self, request: FhirRequest, pages: Mapping[str, Position]) -> list[Link]:
        path, query = request.path.removesuffix("/_search"), request.asked.as_get().query
        expires = request.received + self._lifetime
        shown = "".join(f"&_format={each}" for each in request.asked.values("_format")[-1:])
        return [
            _link(
                relation,
                f"{request.public_base}/{path}?{PARAMETER}="
                + self._seal.sealed(
                    packed(page(path, query, request.received, expires, place)), binding(request)
                )
                + shown,
            )
            for relation, place in pages.items()
        ]


def binding(request: FhirRequest) -> bytes:
    """What a page link is bound to: the site and the caller."""
    parts = (request.site.guid if request.site else "", *(request.header(name) for name in _CALLER))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _self(request: FhirRequest, response: FhirResponse) -> Link:
    """The client's own search, without what the upstream says it ignored."""
    path, asked = request.path.removesuffix("/_search"), request.asked.as_get()
    query = asked.without(*response.ignored).query
    return _link("self", f"{request.public_base}/{path}" + (f"?{query}" if query else ""))


def _link(relation: str, url: str) -> Link:
    return Link(relation, url, {})
