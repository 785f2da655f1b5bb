"""Refusal of conditional writes that the site does not promise (R4 http.html, capabilitystatement.html).

An upstream that ignores a condition makes the change without it: a record twice, a newer version overwritten.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.cache.validators import has_gateway_etag
from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind, RetryAdvice, call_after
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, Parameter, SearchParams
from gateway.upstreams.site_statements import ConditionalForm, SiteStatements, unknown_statement_failure
from gateway.validation.transaction_entries import EntryRequest, entry_requests

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
_FORMS_BY_SEARCH: dict[str, ConditionalForm] = {"update": "update", "patch": "patch", "delete": "delete"}
#: Parameters of a change to one record: they shape its response.
_RESPONSE_PARAMETERS = frozenset({"_elements", "_format", "_pretty", "_summary"})
_QUERY_TEXT = (
    "The URL of this change has a query besides _elements, _format, _pretty and _summary. FHIR R4 gives it no"
    " meaning, and the practice's system could take it for a condition. The change was not sent. Send it"
    " without the query."
)


class ConditionalWrites:
    """Refuses a change with a condition that the site's CapabilityStatement does not promise."""

    def __init__(self, inner: Handler, statements: SiteStatements) -> None:
        self._inner = inner
        self._statements = statements

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure 400 or 412, or 503 if the statement cannot be read."""
        conditions = conditions_of(request)
        if not conditions or has_gateway_etag(request):  # an ETag of the gateway has its own refusal behind
            return await self._inner(request)
        _require_promises(conditions, frozenset((item.type, item.form) for item in conditions if item.form))
        reading = await self._statements.read(request)
        if reading.statement is None:
            raise unknown_statement_failure(
                CONDITIONAL_SUPPORT_UNKNOWN, reading.failure or Failure(CONDITIONAL_SUPPORT_UNKNOWN)
            )
        try:
            _require_promises(conditions, reading.statement.promises)
        except Failure as failure:
            raise failure.with_upstream_use(reading.use) from None
        return await call_after(reading.use, self._inner, request)


def conditions_of(request: FhirRequest) -> tuple[Condition, ...]:
    """Return the conditions of a write, in header, URL or the entries of its Bundle.

    Raises Failure 400 for a query or an entry that R4 does not define, which may hide a condition.
    """
    if not may_write(request):
        return ()
    act = request.interaction
    names = tuple(name for name, _ in request.headers)
    own = _conditions(EntryRequest(act, names, request.client_search, ""))
    entries = entry_requests(request) if act.code == "transaction" else ()
    return (*own, *(condition for entry in entries for condition in _conditions(entry)))


def _conditions(change: EntryRequest) -> Iterator[Condition]:
    """Yield the conditions of one change, sent alone or in an entry. Raises Failure 400."""
    act = change.interaction
    yield from _header_conditions(act.code, act.type, change.conditions)
    if act.code in _FORMS_BY_SEARCH and not act.id:
        yield _search_condition(act.code, act.type, change.search)
    elif act.code == "create" or act.code in _FORMS_BY_SEARCH:
        _require_no_criteria(change)


def _require_no_criteria(change: EntryRequest) -> None:
    if all(item.name in _RESPONSE_PARAMETERS for item in change.search.parameters):
        return
    expression = f"{change.place}.url" if change.place else ""
    raise Failure(catalog.BAD_REQUEST, text=_QUERY_TEXT, expression=expression)


def _header_conditions(code: str, type_: str, names: Iterable[str]) -> Iterator[Condition]:
    for name in names:
        if name in _FORMS_BY_HEADER:
            yield Condition(_header_name(name), type_, _FORMS_BY_HEADER[name].get(code))


def _search_condition(code: str, type_: str, search: SearchParams) -> Condition:
    """Condition of a change by search; none promises it without criteria, which select all records."""
    criteria = [item for item in search.parameters if item.code not in RESULT_ONLY_PARAMETERS]
    selects = bool(criteria) and all(map(_has_value, criteria))
    return Condition(f"{code} by search", type_, _FORMS_BY_SEARCH[code] if selects else None)


def _has_value(criterion: Parameter) -> bool:
    return bool(criterion.value.strip())


def _require_promises(
    conditions: tuple[Condition, ...], promises: frozenset[tuple[str, ConditionalForm]]
) -> None:
    """Raise Failure 412 for the first condition that is not promised."""
    for condition in conditions:
        if condition.form is None or (condition.type, condition.form) not in promises:
            text = f"{CONDITIONAL_NOT_SUPPORTED.text} Not promised: {condition.name}."
            raise Failure(CONDITIONAL_NOT_SUPPORTED, text=text)


def _header_name(name: str) -> str:
    """Name of a header field as people write it: `If-None-Exist`."""
    return "-".join(word.capitalize() for word in name.split("-"))
