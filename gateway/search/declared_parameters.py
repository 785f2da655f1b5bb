"""Date parameters that a site declares in its CapabilityStatement in addition to R4's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from cachetools import LRUCache

from gateway.dates.registry import DateParameter, date_parameter, declared_parameter, is_registered
from gateway.dates.support import ParameterKey
from gateway.dates.value import DateValueError, parse_date_value
from gateway.errors.failure import Failure, FailureKind, RetryAdvice, call_after
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NO_PARAMETERS, Parameter
from gateway.upstreams.failures import NOT_FHIR

_log = structlog.get_logger()

PARAMETER_TYPE_UNKNOWN = FailureKind(
    "parameter-type-unknown",
    503,
    "transient",
    "The gateway could not read the site's CapabilityStatement, so it does not know whether a parameter that"
    " R4 lacks is a date. The search was not sent; the second code gives the reason. Retry after the time in"
    " Retry-After, or leave the parameter out.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
    may_have_run=False,
)
_STATEMENT_LIFETIME = timedelta(hours=1)
#: Sites whose declared parameters are stored; the least recently used is evicted.
_MAX_SITES = 1_024

#: Date parameters by resource type and code.
DeclaredDates = Mapping[ParameterKey, DateParameter]


class DeclaredParameters:
    """Adds a site's declared date parameters to a search with a parameter that R4 lacks.

    Reading the statement does not use the practice's database (Halo Connect, FHIR examples); it is stored
    for an hour. A failure is not stored, nor is an unreadable statement: the last one counts on. Without one,
    a parameter whose value looks like a date is refused: the upstream may read dates in another way.
    """

    def __init__(self, inner: Handler, upstream: Handler) -> None:
        self._inner = inner
        self._upstream = upstream
        self._stored_dates: LRUCache[str, tuple[datetime, DeclaredDates]] = LRUCache(_MAX_SITES)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler, if needed with the declared date parameters of the site."""
        site = request.site
        if site is None or not request.interaction.is_search or not has_undeclared_parameters(request):
            return await self._inner(request)
        declared, use = await self._declared_dates(request, site.guid)
        dates = {**declared, **site.date_support.declared_parameters}
        if dates:
            site = replace(site, date_support=replace(site.date_support, declared_parameters=dates))
        return await call_after(use, self._inner, request.replace(site=site))

    async def _declared_dates(self, request: FhirRequest, guid: str) -> tuple[DeclaredDates, UpstreamUse]:
        """Return the declared dates. Raises Failure if they are unknown and the search may name one."""
        fetched_at, dates = self._stored_dates.get(guid, (None, {}))
        if fetched_at is not None and request.received_at - fetched_at <= _STATEMENT_LIFETIME:
            return dates, NO_USE
        try:
            dates, use = await self._fetch_dates(request)
        except Failure as failure:
            _log.warning("metadata-unavailable", code=failure.kind.code)
            if fetched_at is None and has_undeclared_dates(request):
                raise _unknown_type_failure(failure) from failure
            return dates, failure.upstream_use
        self._stored_dates[guid] = (request.received_at, dates)
        return dates, use

    async def _fetch_dates(self, request: FhirRequest) -> tuple[DeclaredDates, UpstreamUse]:
        response = await self._upstream(
            request.replace(
                method="GET",
                interaction=Interaction("capabilities"),
                path="metadata",
                upstream_search=NO_PARAMETERS,
                client_search=NO_PARAMETERS,
                body=b"",
            )
        )
        dates = parse_declared_dates(response.body)
        if dates is None:
            raise Failure(NOT_FHIR).with_upstream_use(response.upstream_use)
        return dates, response.upstream_use


def _unknown_type_failure(failure: Failure) -> Failure:
    """Failure of the search; a refusal of the caller stays what it is."""
    if failure.kind.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return failure
    cause = ((ERROR_CODE_SYSTEM, failure.kind.code),)
    unknown = Failure(PARAMETER_TYPE_UNKNOWN, retry_after=failure.retry_after, codings=cause)
    return unknown.with_upstream_use(failure.upstream_use)


def has_undeclared_parameters(request: FhirRequest) -> bool:
    """Whether a search contains a parameter that R4 does not define for its resource type."""
    return next(_undeclared_parameters(request), None) is not None


def has_undeclared_dates(request: FhirRequest) -> bool:
    """Whether the value of such a parameter looks like a date."""
    values = (value for item in _undeclared_parameters(request) for value in item.value.split(","))
    return any(map(_is_date, values))


def _undeclared_parameters(request: FhirRequest) -> Iterator[Parameter]:
    declared = request.site.date_support.declared_parameters if request.site else {}
    for parameter in request.upstream_search.parameters:
        key = request.interaction.type, parameter.code
        is_known = "." in parameter.name or parameter.code.startswith("_") or is_registered(*key)
        if not is_known and key not in declared:
            yield parameter


def _is_date(text: str) -> bool:
    try:
        parse_date_value(text)
    except DateValueError:
        return False
    return True


def parse_declared_dates(statement: bytes) -> DeclaredDates | None:
    """Parse the date parameters in a CapabilityStatement that R4 lacks; None if the body is not one."""
    try:
        body = msgspec.json.decode(statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("resourceType") != "CapabilityStatement":
        return None
    return {
        key: declared_parameter(*key) for key in _date_parameter_keys(body) if date_parameter(*key) is None
    }


def _date_parameter_keys(body: Any) -> Iterator[ParameterKey]:
    for rest in _objects_in(body, "rest"):
        for resource in _objects_in(rest, "resource"):
            for parameter in _objects_in(resource, "searchParam"):
                if parameter.get("type") == "date":
                    yield str(resource.get("type")), str(parameter.get("name"))


def _objects_in(body: Any, name: str) -> Iterator[dict[str, Any]]:
    items = body.get(name) if isinstance(body, dict) else None
    yield from (item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))
