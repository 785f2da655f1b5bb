"""Cache key of a request: covers everything that the response's bytes depend on, and reveals none of it."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from gateway.cache.patient_spellings import patient_criterion
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.http.callers import fingerprint

#: Header fields that reach the upstream and change its response.
_VARYING_HEADERS = ("accept-language", "prefer")
#: Parameters with their R4 default value, which have no effect.
_DEFAULT_PARAMETERS = frozenset(
    {
        *(("_summary", "false"), ("_pretty", "false"), ("_contained", "false")),
        ("_containedType", "container"),
    }
)
#: Parameters whose repetitions add up, so that their order does not matter. Of other result parameters the
#: first or the last counts.
_CUMULATIVE_PARAMETERS = frozenset(
    {
        *("_has", "_id", "_include", "_lastUpdated", "_profile", "_revinclude", "_security", "_tag"),
    }
)

Pairs = list[tuple[str, str]]
CanonicalParameters = Callable[..., Pairs]


def canonical_parameters(search: SearchParams, *, commutes: bool = True) -> Pairs:
    """Return the parameters as a sorted list, the same for every spelling and order; `_sort` keeps its order.

    `commutes`: a repeated criterion means both values, so their order does not matter either.
    """
    effective = [
        parameter
        for parameter in search.parameters
        if parameter.name != "_format" and (parameter.name, parameter.value) not in _DEFAULT_PARAMETERS
    ]
    effective.sort(key=lambda parameter: (parameter.name, _sort_value(parameter, commutes)))
    return [(parameter.name, parameter.value) for parameter in effective]


def _sort_value(parameter: Parameter, commutes: bool) -> str:
    """Sort key among parameters of one name; empty if their order matters."""
    adds_up = parameter.code in _CUMULATIVE_PARAMETERS or not parameter.name.startswith("_")
    return parameter.value if adds_up and commutes else ""


def cache_key(
    request: FhirRequest,
    secret: bytes,
    *,
    version: str = "",
    shared_callers: Mapping[str, str] | None = None,
    any_patient_spelling: bool = False,
) -> str:
    """Cache key of a request, as HMAC-SHA-256 in hex; `version`: of configuration and engine.

    `shared_callers` maps a caller's fingerprint to the group of callers that share cached responses.
    `any_patient_spelling`: `patient=12` and `patient=Patient/12` have the same key.
    """
    canonical = _with_plain_patients if any_patient_spelling else canonical_parameters
    parts = msgspec.json.encode(
        [version, _caller_parts(request, shared_callers or {}), *_request_parts(request, canonical)]
    )
    return hmac.new(secret, parts, hashlib.sha256).hexdigest()


def _caller_parts(request: FhirRequest, shared_callers: Mapping[str, str]) -> list[str]:
    caller = fingerprint(request.headers)
    return ["group", shared_callers[caller]] if caller in shared_callers else ["caller", caller]


def _with_plain_patients(search: SearchParams, *, commutes: bool = True) -> Pairs:
    """Canonical parameters with the patients of a criterion `patient` as ids, marked apart from any value."""
    criterion = patient_criterion(search)
    pairs = canonical_parameters(search, commutes=commutes)
    return [
        ("patient", f"ids {criterion.value}") if criterion and name == "patient" else (name, value)
        for name, value in pairs
    ]


def _request_parts(request: FhirRequest, canonical_parameters: CanonicalParameters) -> Iterable[object]:
    act, position, site = request.interaction, request.plan.position, request.site
    commutes = site is None or site.date_support.supports_repeated_parameter
    canonical = partial(canonical_parameters, commutes=commutes)
    searches = request.plan.split_searches
    planned = {plan.name for plan in request.plan.date_plans}
    yield [site.guid, sorted(site.disabled_repairs)] if site else None
    yield [request.upstream_base, request.public_base, request.response_format]
    yield [act.code, request.path.removesuffix("/_search"), act.type, act.id, act.operation]
    yield [canonical(request.upstream_search) if searches is None else [*map(canonical, searches)]]
    yield canonical(request.client_search.without_parameters(*planned))
    yield [repr(plan.filter_predicate) for plan in request.plan.date_plans if plan.filter_predicate]
    yield [position.part, position.upstream_link, position.needs_filter, position.is_backward]
    yield [[each.name, each.value] for judged in request.plan.judged for each in judged.criteria]
    yield [request.header(name) for name in _VARYING_HEADERS]
