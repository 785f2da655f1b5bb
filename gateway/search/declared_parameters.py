"""Date parameters that a site declares in its CapabilityStatement in addition to R4's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from gateway.dates.registry import DateParameter, date_parameter, declared_parameter, is_registered
from gateway.dates.support import ParameterKey
from gateway.dates.value import DateValueError, parse_date_value
from gateway.errors.failure import FailureKind, RetryAdvice, call_after
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.search_params import Parameter
from gateway.upstreams.site_statements import SiteStatements, unknown_statement_failure

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
#: Date parameters by resource type and code.
DeclaredDates = Mapping[ParameterKey, DateParameter]


class DeclaredParameters:
    """Adds a site's declared date parameters to a search with a parameter that R4 lacks.

    Without a statement, a parameter whose value looks like a date is refused: the upstream may read dates in
    another way.
    """

    def __init__(self, inner: Handler, statements: SiteStatements) -> None:
        self._inner = inner
        self._statements = statements

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler, if needed with the declared date parameters of the site. Raises Failure."""
        site = request.site
        if site is None or not request.interaction.is_search or not has_undeclared_parameters(request):
            return await self._inner(request)
        reading = await self._statements.read(request)
        if reading.statement is None and reading.failure and has_undeclared_dates(request):
            raise unknown_statement_failure(PARAMETER_TYPE_UNKNOWN, reading.failure) from reading.failure
        declared = declared_dates(reading.statement.date_parameters) if reading.statement else {}
        dates = {**declared, **site.date_support.declared_parameters}
        if dates:
            site = replace(site, date_support=replace(site.date_support, declared_parameters=dates))
        return await call_after(reading.use, self._inner, request.replace(site=site))


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


@lru_cache(1_024)
def declared_dates(keys: frozenset[ParameterKey]) -> DeclaredDates:
    """Return the date parameters of a statement that R4 lacks."""
    return {key: declared_parameter(*key) for key in sorted(keys) if date_parameter(*key) is None}
