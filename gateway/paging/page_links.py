"""Page links on the gateway's own base: encrypted positions instead of the upstream's page URLs."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position, may_write
from gateway.fhir.bundle import Entry, Link, insert_links
from gateway.fhir.search_params import parse_search
from gateway.http.callers import fingerprint
from gateway.paging.operation_links import kept_links, nested_search, operation_positions
from gateway.paging.page_token import decode, encode, page_token_for
from gateway.paging.upstream_links import link_positions
from gateway.thread_switching import let_others_run

PAGE_PARAMETER = "_page"
#: Encoding that many entries takes a fraction of a millisecond.
_MANY_ENTRIES = 1_000
_PAGED_INTERACTIONS = frozenset({"search-type", "history"})


class PageCipher(Protocol):
    """Encrypts and decrypts page tokens; see `TokenCipher` in `paging/page_token.py`."""

    def encrypt(self, data: bytes, associated_data: bytes) -> str:
        """Encrypt data as a token."""
        ...

    def decrypt(self, token: str, associated_data: bytes) -> bytes:
        """Decrypt a token. Raises ValueError."""
        ...


class PageLinks:
    """Decrypts page links in requests, and writes them into responses."""

    def __init__(self, inner: Handler, cipher: PageCipher, lifetime: timedelta) -> None:
        self._inner = inner
        self._cipher = cipher
        self._lifetime = lifetime

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the response with page links. Raises Failure 404 or 410 for an invalid or expired token."""
        token = request.client_search.values(PAGE_PARAMETER)
        request = self._request_from_token(request, token[0]) if token else request
        response = await self._inner(request)
        if request.interaction.code == "operation":
            return self._with_operation_links(request, response.with_parsed_bundle()).with_encoded_body()
        if request.interaction.code == "transaction":
            return self._with_nested_links(request, response.with_parsed_bundle()).with_encoded_body()
        if request.interaction.code not in _PAGED_INTERACTIONS:
            return response.with_encoded_body()
        if response.paging and response.paging.links_omitted:
            links = self._build_links(request, response, response.paging.page_positions)
            return response.replace(body=insert_links(response.body, links), paging=None)
        return await _encode_apart(self._with_page_links(request, response.with_parsed_bundle()))

    def _request_from_token(self, request: FhirRequest, token: str) -> FhirRequest:
        try:
            page = decode(self._cipher.decrypt(token, token_binding(request)))
        except ValueError:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PAGE_PARAMETER}") from None
        if page.path != request.path:
            raise Failure(catalog.PAGE_UNKNOWN, expression=f"http.{PAGE_PARAMETER}")
        if page.is_expired(request.received_at):
            raise Failure(catalog.PAGE_EXPIRED, expression=f"http.{PAGE_PARAMETER}")
        client_search = parse_search(page.query)
        return request.replace(
            client_search=client_search,
            upstream_search=client_search.without_parameters("_format"),
            plan=request.plan._replace(position=page.position),
            received_at=page.received_at,
        )

    def _with_page_links(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        if response.bundle is None or "signature" in response.bundle.fields:
            return response
        positions = response.paging and response.paging.page_positions
        if positions is None:
            positions = link_positions(request, response.bundle)
        links = self._build_links(request, response, positions)
        return response.with_bundle(response.bundle.replace(links=links))

    def _with_operation_links(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        """Return the response with links that can be followed by GET; itself without page links."""
        bundle = response.bundle
        positions = operation_positions(request, bundle) if bundle else {}
        if bundle is None or not positions or "signature" in bundle.fields:
            return response
        own = [] if may_write(request) else [_self_link(request, response)]
        links = (*own, *self._paging_links(request, positions), *kept_links(bundle))
        return response.with_bundle(bundle.replace(links=links))

    def _with_nested_links(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        """Return the response to a transaction with page links in the Bundles of its entries."""
        if response.bundle is None or "signature" in response.bundle.fields:
            return response
        old = response.bundle.entries
        new = tuple(self._with_entry_links(request, entry) for entry in old)
        is_same = all(a is b for a, b in zip(old, new, strict=True))
        return response if is_same else response.with_bundle(response.bundle.replace(entries=new))

    def _with_entry_links(self, request: FhirRequest, entry: Entry) -> Entry:
        found = nested_search(request, entry)
        if found is None:
            return entry
        links = (*self._paging_links(found.request, found.positions), *found.other_links)
        return entry.with_field("resource", Raw(found.bundle.replace(links=links).encode()))

    def _build_links(
        self, request: FhirRequest, response: FhirResponse, page_positions: Mapping[str, Position]
    ) -> tuple[Link, ...]:
        return _self_link(request, response), *self._paging_links(request, page_positions)

    def _paging_links(self, request: FhirRequest, page_positions: Mapping[str, Position]) -> list[Link]:
        path, query = request.path.removesuffix("/_search"), request.client_search.as_get().query
        expires = request.received_at + self._lifetime
        formats = request.client_search.values("_format")
        format_suffix = f"&_format={formats[-1]}" if formats else ""
        return [
            _new_link(
                relation,
                f"{request.public_base}/{path}?{PAGE_PARAMETER}="
                + self._cipher.encrypt(
                    encode(page_token_for(path, query, request.received_at, expires, position)),
                    token_binding(request),
                )
                + format_suffix,
            )
            for relation, position in page_positions.items()
        ]


async def _encode_apart(response: FhirResponse) -> FhirResponse:
    """Return the response encoded; other requests run before and after that of a large Bundle."""
    is_large = response.bundle is not None and len(response.bundle.entries) > _MANY_ENTRIES
    if is_large:
        await let_others_run()
    response = response.with_encoded_body()
    if is_large:
        await let_others_run()
    return response


def token_binding(request: FhirRequest) -> bytes:
    """Digest of the site and the caller, to which a page link is bound."""
    site = request.site.guid if request.site else ""
    return hashlib.sha256(f"{site}\0{fingerprint(request.headers)}".encode()).digest()


def _self_link(request: FhirRequest, response: FhirResponse) -> Link:
    """Link to the client's own search, without the parameters that the upstream ignored."""
    path, search = request.path.removesuffix("/_search"), request.client_search.as_get()
    query = search.without_parameters(*response.ignored_parameters).query
    return _new_link("self", f"{request.public_base}/{path}" + (f"?{query}" if query else ""))


def _new_link(relation: str, url: str) -> Link:
    return Link(relation, url, {})
