"""Refusal of conditional writes that the site does not promise (R4 http.html, capabilitystatement.html).

An upstream that ignores a condition makes the change without it: a record twice, a newer version overwritten.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from gateway.cache.validators import has_gateway_etag
from gateway.errors.failure import Failure, FailureKind, RetryAdvice, call_after
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter, SearchParams, parse_search
from gateway.upstreams.site_statements import ConditionalForm, SiteStatements

CONDITIONAL_NOT_SUPPORTED = FailureKind(
    "conditional-not-supported",
    412,
    "not-supported",
    "The site's CapabilityStatement does not promise this condition, so the practice's system could ignore it"
    " and make the change anyway. The change was not sent. Search or read first, and send the change without"
    " the condition; if the system is known to honour it, the operator can set writes.conditional to pass.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
CONDITIONAL_SUPPORT_UNKNOWN = FailureKind(
    "conditional-support-unknown",
    503,
    "transient",
    "The gateway could not read the site's CapabilityStatement, so it does not know whether the practice's"
    " system honours the condition of this change. The change was not sent; the second code gives the reason."
    " Retry after the time in Retry-After, or send the change without the condition.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
    may_have_run=False,
)


class Condition(NamedTuple):
    """A condition of a write: what states it, for people, and the promise that it needs by resource type.

    `form` is None for a condition that no R4 statement can promise.
    """

    name: str
    type: str
    form: ConditionalForm | None


#: Header field -> interaction of a write -> what a statement must promise.
_FORMS_BY_HEADER: dict[str, dict[str, ConditionalForm]] = {
    "if-none-exist": {"create": "create"},
    "if-match": {"update": "version", "patch": "version", "delete": "version"},
    "if-none-match": {},
    "if-unmodified-since": {},
}
#: The same for the elements of `Bundle.entry.request`.
_HEADER_BY_ELEMENT = {
    "ifNoneExist": "if-none-exist",
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
}
_INTERACTION_BY_METHOD = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_FORMS_BY_SEARCH: dict[str, ConditionalForm] = {"update": "update", "patch": "patch", "delete": "delete"}
#: Parameters that select no records.
_RESULT_PARAMETERS = frozenset(
    """_contained _containedType _count _elements _format _include _pretty _revinclude _sort _summary
    _total""".split()  # noqa: SIM905 - a list would be six lines
)


class ConditionalWrites:
    """Refuses a change with a condition that the site's CapabilityStatement does not promise."""

    def __init__(self, inner: Handler, statements: SiteStatements) -> None:
        self._inner = inner
        self._statements = statements

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure 412, or 503 if the statement cannot be read."""
        conditions = conditions_of(request)
        if not conditions or has_gateway_etag(request):  # an ETag of the gateway has its own refusal behind
            return await self._inner(request)
        _require_promises(conditions, frozenset((item.type, item.form) for item in conditions if item.form))
        reading = await self._statements.read(request)
        if reading.statement is None:
            raise _unknown_support_failure(reading.failure or Failure(CONDITIONAL_SUPPORT_UNKNOWN))
        try:
            _require_promises(conditions, reading.statement.promises)
        except Failure as failure:
            raise failure.with_upstream_use(reading.use) from None
        return await call_after(reading.use, self._inner, request)


def conditions_of(request: FhirRequest) -> tuple[Condition, ...]:
    """Return the conditions of a write, in header, URL or the entries of its Bundle."""
    if not may_write(request):
        return ()
    act = request.interaction
    in_headers = _header_conditions(act.code, act.type, (name for name, _ in request.headers))
    is_by_search = act.code in _FORMS_BY_SEARCH and not act.id
    in_url = (_search_condition(act.code, act.type, request.client_search),) if is_by_search else ()
    in_entries = _entry_conditions(request.body) if act.code == "transaction" else ()
    return (*in_headers, *in_url, *in_entries)


def _header_conditions(code: str, type_: str, names: Iterator[str]) -> Iterator[Condition]:
    for name in names:
        if name in _FORMS_BY_HEADER:
            yield Condition(_header_name(name), type_, _FORMS_BY_HEADER[name].get(code))


def _search_condition(code: str, type_: str, search: SearchParams) -> Condition:
    """Condition of a change by search; none promises it without criteria, which select all records."""
    criteria = [item for item in search.parameters if item.code not in _RESULT_PARAMETERS]
    selects = bool(criteria) and all(map(_has_value, criteria))
    return Condition(f"{code} by search", type_, _FORMS_BY_SEARCH[code] if selects else None)


def _has_value(criterion: Parameter) -> bool:
    return bool(criterion.value.strip())


def _entry_conditions(body: bytes) -> Iterator[Condition]:
    """Yield the conditions of a batch or transaction; none of a body that is not JSON."""
    for request in _entry_requests(body):
        if isinstance(request, dict):
            yield from _conditions_of_entry(request)


class _Entry(msgspec.Struct):
    request: Any = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_decode_bundle = msgspec.json.Decoder(_Bundle).decode


def _entry_requests(body: bytes) -> list[Any]:
    """Return `request` of each entry, also of a Bundle that is not valid R4."""
    try:
        return [entry.request for entry in _decode_bundle(body).entry]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _entry_requests_of_any(body)


def _entry_requests_of_any(body: bytes) -> list[Any]:
    try:
        bundle = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    entries = entries if isinstance(entries, list) else [entries]
    return [entry.get("request") for entry in entries if isinstance(entry, dict)]


def _conditions_of_entry(request: dict[str, Any]) -> Iterator[Condition]:
    code = _INTERACTION_BY_METHOD.get(str(request.get("method")).upper(), "")
    if not code:
        return
    path, _, query = str(request.get("url", "")).partition("?")
    *_, parent, last = ("", *path.strip("/").split("/"))
    is_type_level = last in RESOURCE_TYPES
    type_ = last if is_type_level else parent
    elements = (_HEADER_BY_ELEMENT[name] for name in request if name in _HEADER_BY_ELEMENT)
    yield from _header_conditions(code, type_, elements)
    if is_type_level and code in _FORMS_BY_SEARCH:
        yield _search_condition(code, type_, parse_search(query))


def _require_promises(
    conditions: tuple[Condition, ...], promises: frozenset[tuple[str, ConditionalForm]]
) -> None:
    """Raise Failure 412 for the first condition that is not promised."""
    for condition in conditions:
        if condition.form is None or (condition.type, condition.form) not in promises:
            text = f"{CONDITIONAL_NOT_SUPPORTED.text} Not promised: {condition.name}."
            raise Failure(CONDITIONAL_NOT_SUPPORTED, text=text)


def _unknown_support_failure(failure: Failure) -> Failure:
    """Failure of the change; a refusal of the caller stays what it is."""
    if failure.kind.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return failure
    cause = ((ERROR_CODE_SYSTEM, failure.kind.code),)
    unknown = Failure(CONDITIONAL_SUPPORT_UNKNOWN, retry_after=failure.retry_after, codings=cause)
    return unknown.with_upstream_use(failure.upstream_use)


def _header_name(name: str) -> str:
    """Name of a header field as people write it: `If-None-Exist`."""
    return "-".join(word.capitalize() for word in name.split("-"))
