"""The key of a question: everything its answer's bytes depend on, and nothing that can be read back."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import msgspec

from gateway.exchange import FhirRequest, Headers
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.http.headers import CREDENTIALS

#: Header fields that reach the upstream and change what it answers.
_VARYING_HEADERS = ("accept-language", "prefer")
#: Parameters R4 says mean nothing with this value.
_DEFAULT_PARAMETERS = frozenset(
    {
        *(("_summary", "false"), ("_pretty", "false"), ("_contained", "false")),
        ("_containedType", "container"),
    }
)
#: Result parameters that add up, so that their order means nothing; of others the last or the first counts.
_CUMULATIVE_PARAMETERS = frozenset(
    {
        *("_has", "_id", "_include", "_lastUpdated", "_profile", "_revinclude", "_security", "_tag"),
    }
)

Pairs = list[tuple[str, str]]


def fingerprint(headers: Headers) -> str:
    """Who asks: SHA-256 (hex) of the credential fields, as sorted lines of `name:value`."""
    given = sorted(f"{name}:{value}" for name, value in headers if name in CREDENTIALS)
    return hashlib.sha256("\n".join(given).encode()).hexdigest()


def canonical_parameters(search: SearchParams, *, commutes: bool = True) -> Pairs:
    """The parameters as a sorted list: their spelling, place and order do not show, but the order of `_sort`.

    `commutes`: a criterion given twice means both, so that their order does not matter either.
    """
    kept = [
        each
        for each in search.parameters
        if each.name != "_format" and (each.name, each.value) not in _DEFAULT_PARAMETERS
    ]
    return [
        (each.name, each.value)
        for each in sorted(kept, key=lambda each: (each.name, _sort_value(each, commutes)))
    ]


def _sort_value(parameter: Parameter, commutes: bool) -> str:
    """What sorts parameters of one name; nothing where their own order counts."""
    adds = parameter.code in _CUMULATIVE_PARAMETERS or not parameter.name.startswith("_")
    return parameter.value if adds and commutes else ""


def cache_key(
    request: FhirRequest,
    secret: bytes,
    *,
    version: str = "",
    shared_callers: Mapping[str, str] | None = None,
) -> str:
    """HMAC-SHA-256 (hex) of a question; `version`: of configuration and engine.

    `shared_callers` leads from a caller's hash to the group that shares answers.
    """
    parts = msgspec.json.encode(
        [version, _caller_parts(request, shared_callers or {}), *_request_parts(request)]
    )
    return hmac.new(secret, parts, hashlib.sha256).hexdigest()


def _caller_parts(request: FhirRequest, shared_callers: Mapping[str, str]) -> list[str]:
    asks = fingerprint(request.headers)
    return ["group", shared_callers[asks]] if asks in shared_callers else ["caller", asks]


def _request_parts(request: FhirRequest) -> Iterable[object]:
    act, place, site = request.interaction, request.position, request.site
    commutes = site is None or site.date_support.supports_repeated_parameter
    dated = {plan.name for plan in request.date_plans}
    sent = (
        None
        if request.split_searches is None
        else [canonical_parameters(each, commutes=commutes) for each in request.split_searches]
    )
    yield [site.guid, sorted(site.disabled_repairs)] if site else None
    yield [request.upstream_base, request.public_base, request.response_format]
    yield [act.code, request.path.removesuffix("/_search"), act.type, act.id, act.operation]
    yield [canonical_parameters(request.upstream_search, commutes=commutes) if sent is None else sent]
    yield canonical_parameters(request.client_search.without_parameters(*dated), commutes=commutes)
    yield [repr(plan.filter_predicate) for plan in request.date_plans if plan.filter_predicate]
    yield [place.part, place.upstream_link, place.needs_filter]
    yield [request.header(name) for name in _VARYING_HEADERS]
