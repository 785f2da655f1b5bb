"""CapabilityStatements of sites, reduced to what the gateway uses: date parameters and conditional writes."""

from collections import ChainMap
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

import msgspec
import structlog
from cachetools import LRUCache

from gateway.dates.support import ParameterKey
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NO_PARAMETERS
from gateway.http.headers import CONDITIONAL_HEADERS
from gateway.upstreams.failures import NOT_FHIR

_log = structlog.get_logger()

_STATEMENT_LIFETIME = timedelta(hours=1)
#: Sites whose statement is stored; the least recently used is evicted.
_MAX_SITES = 1_024

#: Header fields that concern the client's own request only.
_HEADERS_OF_A_CHANGE = frozenset(
    {"content-type", "hg-idempotency-key", "if-none-exist", "prefer", *CONDITIONAL_HEADERS}
)

#: Conditional write that a statement can promise; `version` is If-Match.
ConditionalForm = Literal["create", "delete", "patch", "update", "version"]

#: Fields of `rest.resource`, and their JSON that promises a form (R4 capabilitystatement.html; one is R5's).
_PROMISES: tuple[tuple[ConditionalForm, str, tuple[bytes, ...]], ...] = (
    ("create", "conditionalCreate", (b"true",)),
    ("update", "conditionalUpdate", (b"true",)),
    ("patch", "conditionalPatch", (b"true",)),
    ("delete", "conditionalDelete", (b'"single"', b'"multiple"')),
    ("version", "versioning", (b'"versioned-update"',)),
)


class SiteStatement(NamedTuple):
    """Date parameters by resource type and code; conditional writes that the site promises, by type."""

    date_parameters: frozenset[ParameterKey] = frozenset()
    promises: frozenset[tuple[str, ConditionalForm]] = frozenset()


class StatementReading(NamedTuple):
    """Statement of a site, the upstream requests behind it, and why it was not read now.

    After a failure it is the last statement of the same engine; None if there is none.
    """

    statement: SiteStatement | None
    use: UpstreamUse = NO_USE
    failure: Failure | None = None


class _StoredStatement(NamedTuple):
    fetched_at: datetime
    version: str
    statement: SiteStatement


class SiteStatements:
    """Fetches the statement of a site once per hour and version of its engine (`version_of`).

    Reading it does not use the practice's database (Halo Connect, FHIR examples). A failure is not stored,
    nor is an unreadable statement.
    """

    def __init__(self, upstream: Handler, version_of: Callable[[FhirRequest], str] = lambda _: "") -> None:
        self._upstream = upstream
        self._version_of = version_of
        self._stored: MutableMapping[str, _StoredStatement] = LRUCache(_MAX_SITES)

    def copy(self, upstream: Handler) -> "SiteStatements":
        """Return a copy that knows the same statements, and keeps to itself what it reads elsewhere."""
        copied = SiteStatements(upstream, self._version_of)
        copied._stored = ChainMap({}, self._stored)
        return copied

    async def read(self, request: FhirRequest) -> StatementReading:
        """Return the statement of the request's site."""
        guid = request.site.guid if request.site else ""
        stored = self._stored.get(guid)
        if stored and stored.version != self._version_of(request):
            stored = None
        if stored and request.received_at - stored.fetched_at <= _STATEMENT_LIFETIME:
            return StatementReading(stored.statement)
        try:
            response = await self._upstream(_statement_request(request))
            statement = _require_statement(response)
        except Failure as failure:
            _log.warning("metadata-unavailable", code=failure.kind.code)
            return StatementReading(stored and stored.statement, failure.upstream_use, failure)
        self._stored[guid] = _StoredStatement(request.received_at, self._version_of(request), statement)
        return StatementReading(statement, response.upstream_use)


def unknown_statement_failure(kind: FailureKind, failure: Failure) -> Failure:
    """Failure of a request that needs a statement; a refusal of the caller stays what it is."""
    if failure.kind.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return failure
    cause = ((ERROR_CODE_SYSTEM, failure.kind.code),)
    unknown = Failure(kind, retry_after=failure.retry_after, codings=cause)
    return unknown.with_upstream_use(failure.upstream_use)


def _statement_request(request: FhirRequest) -> FhirRequest:
    """Return a request for the statement by the same caller, without the conditions of its own request."""
    return request.replace(
        method="GET",
        interaction=Interaction("capabilities"),
        path="metadata",
        upstream_search=NO_PARAMETERS,
        client_search=NO_PARAMETERS,
        headers=tuple(field for field in request.headers if field[0] not in _HEADERS_OF_A_CHANGE),
        body=b"",
    )


def _require_statement(response: FhirResponse) -> SiteStatement:
    """Return the statement. Raises Failure 502 if it is unreadable."""
    statement = parse_statement(response.body)
    if statement is None:
        raise Failure(NOT_FHIR).with_upstream_use(response.upstream_use)
    return statement


def parse_statement(body: bytes) -> SiteStatement | None:
    """Parse a CapabilityStatement; None if the body is not one."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("resourceType") != "CapabilityStatement":
        return None
    resources = [
        resource
        for rest in _objects_in(content, "rest")
        if rest.get("mode") != "client"
        for resource in _objects_in(rest, "resource")
    ]
    dates = (key for resource in resources for key in _date_parameters(resource))
    promises = (promise for resource in resources for promise in _promised_forms(resource))
    return SiteStatement(frozenset(dates), frozenset(promises))


def _date_parameters(resource: dict[str, Any]) -> Iterator[ParameterKey]:
    for parameter in _objects_in(resource, "searchParam"):
        if parameter.get("type") == "date":
            yield str(resource.get("type")), str(parameter.get("name"))


def _promised_forms(resource: dict[str, Any]) -> Iterator[tuple[str, ConditionalForm]]:
    for form, name, values in _PROMISES:
        # by JSON text: in Python, the number 1 equals True
        if msgspec.json.encode(resource.get(name)) in values:
            yield str(resource.get("type")), form


def _objects_in(body: Any, name: str) -> Iterator[dict[str, Any]]:
    items = body.get(name) if isinstance(body, dict) else None
    yield from (item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))
