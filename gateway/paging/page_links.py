"""Links that clients can follow: sealed positions instead of the upstream's own page URLs."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.bundle import Link, insert_links
from gateway.fhir.search_params import parse_search
from gateway.paging.page_token import decode, encode, page_token_for
from gateway.paging.upstream_links import link_positions

PAGE_PARAMETER = "_page"
#: What says who asks: a page link is of use to that caller alone. A desktop token is renewed while its
#: device stays, so the device counts there.
_CALLER_HEADERS = ("ocp-apim-subscription-key", "deviceid")
_PAGED_INTERACTIONS = frozenset({"search-type", "history"})


class PageCipher(Protocol):
    """What seals and opens; see `paging/seal.py`."""

    def encrypt(self, data: bytes, associated_data: bytes) -> str:
        """A token."""
        ...

    def decrypt(self, token: str, associated_data: bytes) -> bytes:
        """The data of a token; raises ValueError."""
        ...


class PageLinks:
    """Opens our page links on the way in, writes them on the way out."""

    def __init__(self, inner: Handler, cipher: PageCipher, lifetime: timedelta) -> None:
        self._inner = inner
        self._seal = cipher
        self._lifetime = lifetime

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer with links on our base. Raises Failure 404 or 410 for a token that is not good."""
        token = request.client_search.values(PAGE_PARAMETER)
        request = self._request_from_token(request, token[0]) if token else request
        response = await self._inner(request)
        if request.interaction.code not in _PAGED_INTERACTIONS:
            return response.with_encoded_body()
        if response.links_omitted:
            links = self._build_links(request, response, response.page_positions or {})
            return response.replace(body=insert_links(response.body, links), links_omitted=False)
        return self._with_page_links(request, response.with_parsed_bundle()).with_encoded_body()

    def _request_from_token(self, request: FhirRequest, token: str) -> FhirRequest:
        try:
            found = decode(self._seal.decrypt(token, token_binding(request)))
        except ValueError:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PAGE_PARAMETER}") from None
        if found.path != request.path:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PAGE_PARAMETER}")
        if found.is_expired(request.received_at):
            raise Failure(catalog.PAGE_EXPIRED, expression=f"http.{PAGE_PARAMETER}")
        asked = parse_search(found.query)
        return request.replace(
            client_search=asked,
            upstream_search=asked.without_parameters("_format"),
            position=found.position,
            received_at=found.received_at,
        )

    def _with_page_links(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        if response.bundle is None or "signature" in response.bundle.fields:
            return response
        pages = (
            link_positions(request, response.bundle)
            if response.page_positions is None
            else response.page_positions
        )
        links = self._build_links(request, response, pages)
        return response.with_bundle(response.bundle.replace(links=links))

    def _build_links(
        self, request: FhirRequest, response: FhirResponse, page_positions: Mapping[str, Position]
    ) -> tuple[Link, ...]:
        return _self_link(request, response), *self._paging_links(request, page_positions)

    def _paging_links(self, request: FhirRequest, page_positions: Mapping[str, Position]) -> list[Link]:
        path, query = request.path.removesuffix("/_search"), request.client_search.as_get().query
        expires = request.received_at + self._lifetime
        shown = "".join(f"&_format={each}" for each in request.client_search.values("_format")[-1:])
        return [
            _new_link(
                relation,
                f"{request.public_base}/{path}?{PAGE_PARAMETER}="
                + self._seal.encrypt(
                    encode(page_token_for(path, query, request.received_at, expires, place)),
                    token_binding(request),
                )
                + shown,
            )
            for relation, place in page_positions.items()
        ]


def token_binding(request: FhirRequest) -> bytes:
    """What a page link is bound to: the site and the caller."""
    parts = (request.site.guid if request.site else "", *(request.header(name) for name in _CALLER_HEADERS))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _self_link(request: FhirRequest, response: FhirResponse) -> Link:
    """The client's own search, without what the upstream says it ignored."""
    path, asked = request.path.removesuffix("/_search"), request.client_search.as_get()
    query = asked.without_parameters(*response.ignored_parameters).query
    return _new_link("self", f"{request.public_base}/{path}" + (f"?{query}" if query else ""))


def _new_link(relation: str, url: str) -> Link:
    return Link(relation, url, {})
