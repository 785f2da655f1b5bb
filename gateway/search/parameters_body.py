"""Dates in the body of an operation, a Parameters resource: the same rules as for its URL."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Raw

from gateway.dates.plan import DatePlan, DateProblem, rejected_plan
from gateway.exchange import FhirRequest, Site
from gateway.fhir.raw_json import array_items, encode, object_fields, string_json, string_value
from gateway.search.operation_dates import looks_like_date, plan_operation_parameter, plan_unknown_date

_DATE_VALUES: Final = frozenset({"valueDate", "valueDateTime", "valueInstant"})
#: Texts that may hold a date because of the parameter's name.
_TEXT_VALUES: Final = frozenset({"valueString", "valueCode"})
_TOO_MANY: Final = (
    "The date needs several conditions, and a Parameters resource can hold one. Use the operation's URL, or a"
    " single bound with ge or lt."
)


class DateRejectedError(Exception):
    """A date that cannot be sent, and why."""

    def __init__(self, problem: DateProblem) -> None:
        super().__init__(problem.kind)
        self.problem = problem


def rewrite_operation_body(request: FhirRequest, site: Site) -> bytes:
    """Return the body with its dates as the upstream accepts them; itself if unchanged.

    Raises DateRejectedError, and UnreadableError if it is not readable.
    """
    if request.interaction.code != "operation" or not request.body:
        return request.body
    fields = object_fields(request.body)
    if string_value(fields.get("resourceType")) != "Parameters" or "parameter" not in fields:
        return request.body
    old = fields["parameter"]
    new = _ParametersRewriter(request, site).rewrite_parameters(old)
    return request.body if new is old else bytes(encode({**fields, "parameter": new}))


class _ParametersRewriter:
    def __init__(self, request: FhirRequest, site: Site) -> None:
        self._request = request
        self._site = site
        self._date_count = 0

    def rewrite_parameters(self, value: Raw) -> Raw:
        """Return an array of parameters, or of parts, with their dates changed; itself if unchanged."""
        old = array_items(value)
        new = [self._rewrite_parameter(item) for item in old]
        return value if all(a is b for a, b in zip(old, new, strict=True)) else encode(new)

    def _rewrite_parameter(self, value: Raw) -> Raw:
        old = object_fields(value)
        name = string_value(old.get("name"))
        new = {element: self._rewrite_element(name, element, raw) for element, raw in old.items()}
        return value if all(new[element] is old[element] for element in old) else encode(new)

    def _rewrite_element(self, name: str, element: str, raw: Raw) -> Raw:
        if element == "part":
            return self.rewrite_parameters(raw)
        if element == "valuePeriod":
            return self._check_period(name, raw)
        if element not in _DATE_VALUES | _TEXT_VALUES:
            return raw
        text = string_value(raw)
        new = self._date_text(name, text, is_date=element in _DATE_VALUES)
        return raw if new == text else string_json(new)

    def _check_period(self, name: str, raw: Raw) -> Raw:
        period: Mapping[str, Raw] = object_fields(raw)
        for bound in ("start", "end"):
            text = string_value(period.get(bound))
            _accepted_queries(plan_unknown_date(name, text) if text else None)
        return raw

    def _date_text(self, name: str, text: str, *, is_date: bool) -> str:
        """Text that is sent. Raises DateRejectedError."""
        if is_date or looks_like_date(name, text):
            self._count_date()
        interaction = self._request.interaction
        plan = plan_operation_parameter(interaction, name, (text,), self._site, self._request.received_at)
        if plan is None and is_date:
            plan = plan_unknown_date(name, text)
        queries = _accepted_queries(plan)
        if plan is None:
            return text
        if not plan.exact or [len(query) for query in queries] != [1]:
            queries = _accepted_queries(rejected_plan(name, "not-supported", _TOO_MANY))
        return queries[0][0]

    def _count_date(self) -> None:
        """Count one more date. Raises DateRejectedError for too many: planning one takes time."""
        self._date_count += 1
        limit = self._site.date_support.max_date_values
        if self._date_count > limit:
            text = f"The Parameters contain more than {limit:,} dates, the limit search.max_date_values."
            raise DateRejectedError(DateProblem("too-costly", "MSG_PARAM_INVALID", text, "Parameters"))


def _accepted_queries(plan: DatePlan | None) -> Sequence[tuple[str, ...]]:
    """Return the queries of a plan. Raises DateRejectedError."""
    if plan is not None and plan.problem:
        raise DateRejectedError(plan.problem)
    return plan.queries if plan else ()
