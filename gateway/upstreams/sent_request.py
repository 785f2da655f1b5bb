"""What an upstream gets instead of a client's own fields and parameters, and what it gets unchanged."""

from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Parameter
from gateway.http.negotiation import FHIR_JSON, JSON_MEDIA_TYPES
from gateway.upstreams.dialect import Dialect


def reads_fhir(dialect: Dialect, request: FhirRequest) -> bool:
    """Whether the response to a request is FHIR; else it is passed through unchanged."""
    return dialect.is_fhir and request.interaction.code != "other"


def is_unchanged(request: FhirRequest) -> bool:
    """Whether a mounted upstream gets path and query byte for byte; the reader has checked them."""
    return request.interaction.code == "other" and request.site is not None


def accept_header(dialect: Dialect, request: FhirRequest) -> str:
    """Accept field: FHIR if the response is FHIR; else the client's, where FHIR only selects error bodies.

    Halo has the content of a Binary, and the result of an operation, in FHIR only; another server gets the
    types that the client prefers. They follow from `response_format`, by which the cache tells responses
    apart.
    """
    if not reads_fhir(dialect, request):
        accept = ", ".join(value for name, value in request.headers if name == "accept" and value)
        return "*/*" if FHIR_JSON in accept else accept or "*/*"
    is_file = request.interaction.code == "operation" and bool(request.response_format)
    is_content = (request.interaction.is_binary_read or is_file) and not dialect.apis
    types = request.response_format.split(",") if is_content else [FHIR_JSON]
    return (
        FHIR_JSON if types[0] in JSON_MEDIA_TYPES else ", ".join(map(_with_quality, range(len(types)), types))
    )


def with_limited_count(dialect: Dialect, request: FhirRequest) -> FhirRequest:
    """Return a request whose `_count` is at most the upstream's maximum; itself if it is."""
    maximum = dialect.max_page_size
    if maximum is None or not reads_fhir(dialect, request):
        return request
    search = request.upstream_search.map_parameters(lambda parameter: (_limit_count(parameter, maximum),))
    return request if search is request.upstream_search else request.replace(upstream_search=search)


def _with_quality(position: int, media_type: str) -> str:
    """Return a media range with the quality of its position in an order of preference."""
    return f"{media_type};q={max(1 - position / 10, 0.1):.1f}" if position else media_type


def _limit_count(parameter: Parameter, max_count: int) -> Parameter:
    count = parameter.value if parameter.name == "_count" else ""
    is_over_limit = count.isdecimal() and int(count.lstrip("0")[:9] or "0") > max_count
    return parameter.with_value(str(max_count)) if is_over_limit else parameter
