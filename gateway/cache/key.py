"""The key of a question: everything its answer's bytes depend on, and nothing that can be read back."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import msgspec

from gateway.exchange import FhirRequest, Headers
from gateway.fhir.search_params import Parameter, Search
from gateway.http.headers import CREDENTIALS

#: Header fields that reach the upstream and change what it answers.
_ANSWERED_BY = ("accept-language", "prefer")
#: Parameters R4 says mean nothing with this value.
_DEFAULTS = frozenset(
    {
        *(("_summary", "false"), ("_pretty", "false"), ("_contained", "false")),
        ("_containedType", "container"),
    }
)
#: Result parameters that add up, so that their order means nothing; of others the last or the first counts.
_ADDING = frozenset(
    {
        *("_has", "_id", "_include", "_lastUpdated", "_profile", "_revinclude", "_security", "_tag"),
    }
)

Pairs = list[tuple[str, str]]


def caller(headers: Headers) -> str:
    """Who asks: SHA-256 (hex) of the credential fields, as sorted lines of `name:value`."""
    given = sorted(f"{name}:{value}" for name, value in headers if name in CREDENTIALS)
    return hashlib.sha256("\n".join(given).encode()).hexdigest()


def canonical(search: Search, *, commutes: bool = True) -> Pairs:
    """The parameters as a sorted list: their spelling, place and order do not show, but the order of `_sort`.

    `commutes`: a criterion given twice means both, so that their order does not matter either.
    """
    kept = [
        each
        for each in search.parameters
        if each.name != "_format" and (each.name, each.value) not in _DEFAULTS
    ]
    return [
        (each.name, each.value) for each in sorted(kept, key=lambda each: (each.name, _order(each, commutes)))
    ]


def _order(each: Parameter, commutes: bool) -> str:
    """What sorts parameters of one name; nothing where their own order counts."""
    adds = each.code in _ADDING or not each.name.startswith("_")
    return each.value if adds and commutes else ""


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
    parts = msgspec.json.encode([version, _who(request, shared_callers or {}), *_what(request)])
    return hmac.new(secret, parts, hashlib.sha256).hexdigest()


def _who(request: FhirRequest, shared: Mapping[str, str]) -> list[str]:
    asks = caller(request.headers)
    return ["group", shared[asks]] if asks in shared else ["caller", asks]


def _what(request: FhirRequest) -> Iterable[object]:
    act, place, site = request.interaction, request.position, request.site
    commutes = site is None or site.dates.repeats
    dated = {plan.name for plan in request.dates}
    sent = None if request.parts is None else [canonical(each, commutes=commutes) for each in request.parts]
    yield [site.guid, sorted(site.repairs_off)] if site else None
    yield [request.upstream_base, request.public_base, request.accepted]
    yield [act.code, request.path.removesuffix("/_search"), act.type, act.id, act.operation]
    yield [canonical(request.search, commutes=commutes) if sent is None else sent]
    yield canonical(request.asked.without(*dated), commutes=commutes)
    yield [repr(plan.filter) for plan in request.dates if plan.filter]
    yield [place.part, place.rest, place.unfiltered]
    yield [request.header(name) for name in _ANSWERED_BY]
