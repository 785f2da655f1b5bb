"""Date plans of single parameters, and their combination into the queries of a search."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import product
from math import prod
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from gateway.dates.bounds import range_text
from gateway.dates.column_clock import ColumnClock
from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.value import DateValue

Strategy = Literal[
    "single",
    "split",
    "split+dedupe",
    "widen+filter",
    "split+filter",
    "drop+filter",
    "empty",
    "ignored",
    "pass-through",
    "reject",
]
ProblemKind = Literal["value", "not-supported", "too-costly"]
#: Values of a parameter in an upstream query, sent as repeats.
Query = tuple[str, ...]


class DateProblem(msgspec.Struct, frozen=True):
    """Reason for which the gateway rejects a search: names the parameter, never its value.

    `kind` is the issue type of the OperationOutcome, `message` the code of R4's operation-outcome system.
    """

    kind: ProblemKind
    message: str
    text: str
    expression: str


class DatePlan(msgspec.Struct, frozen=True):
    """Upstream queries for a date parameter, in ascending order of date.

    `exact`: the response needs no filter. `dedupe`: the queries overlap. `predicate`: the client's condition,
    if the gateway can check it on the matches. `cacheable`: false if the response depends on the time of the
    request. `fallback`: single query that selects a superset, for a search with too many parts. `parts`: of
    overlapping queries, the conditions, as alternatives, all of whose matches each query selects. `clock`:
    None if the plan depends on none.
    """

    name: str
    strategy: Strategy
    queries: tuple[Query, ...]
    reason: str
    exact: bool = True
    dedupe: bool = False
    predicate: DatePredicate | None = None
    cacheable: bool = True
    fallback: Query | None = None
    problem: DateProblem | None = None
    values: tuple[tuple[DateValue, ...], ...] = ()
    parts: tuple[tuple[DatePredicate, ...], ...] = ()
    clock: ColumnClock | None = None

    @property
    def filter_predicate(self) -> DatePredicate | None:
        """Condition that the gateway applies to every match; `None` if the response is exact."""
        return None if self.exact else self.predicate

    @property
    def is_split(self) -> bool:
        """Whether the parameter needs several queries."""
        return len(self.queries) > 1

    @property
    def range_texts(self) -> tuple[str, ...]:
        """Half-open ranges of each repeat. They contain the client's values: for explain only."""
        return tuple(" or ".join(range_text(value) for value in repeat) for repeat in self.values)

    def is_match_of(self, query: Query, resource: Mapping[str, Any], zone: tzinfo) -> bool:
        """Whether a match belongs to one of overlapping queries: the first that surely selects it."""
        if query not in self.queries or not self.parts:
            return True
        index = self.queries.index(query)
        met = (
            any(meets_predicate(predicate, resource, zone) for predicate in part)
            for part in self.parts[: index + 1]
        )
        return next((place for place, is_met in enumerate(met) if is_met), None) == index

    def as_single_query(self) -> "DatePlan":
        """Return the plan with its fallback query and a filter; itself without a fallback or a predicate."""
        if not self.is_split or self.fallback is None or self.predicate is None:
            return self
        return replace(
            self, strategy="widen+filter", queries=(self.fallback,), exact=False, dedupe=False, fallback=None
        )


class DateQueries(msgspec.Struct, frozen=True):
    """Upstream queries of a search, as the `(name, value)` pairs of its date parameters.

    `plans` are those that the queries carry out: some may have their fallback and a filter.
    """

    strategy: Strategy
    queries: tuple[tuple[tuple[str, str], ...], ...]
    filters: tuple[DatePredicate, ...] = ()
    exact: bool = True
    dedupe: bool = False
    cacheable: bool = True
    problem: DateProblem | None = None
    plans: tuple[DatePlan, ...] = ()


TOO_COSTLY: Final = (
    "The date conditions need more upstream queries than the gateway permits. Write fewer values, or a single"
    " range as two repeats of the parameter with ge and lt."
)
_NOT_SELECTIVE: Final = (
    "The upstream cannot narrow this search, so the gateway would have to read every record. Add another"
    " criterion, or a date condition with lt or eq."
)
_OVERLAP: Final = (
    "The search needs several upstream queries that may return the same record, and the gateway cannot see it"
    " because the matches do not contain the date. Write a single bound (ge or lt), or search the other"
    " resource type directly."
)
_MESSAGES: Final[dict[ProblemKind, str]] = {
    "value": "MSG_DATE_FORMAT",
    "not-supported": "MSG_PARAM_INVALID",
    "too-costly": "MSG_PARAM_INVALID",
}


def strategy_name(count: int, *, exact: bool, dedupe: bool) -> Strategy:
    """Name of the strategy of a plan with `count` queries."""
    if count == 1:
        return "single" if exact else "widen+filter"
    return ("split+dedupe" if dedupe else "split") if exact else "split+filter"


def combine_plans(plans: Sequence[DatePlan], max_splits: int) -> DateQueries:
    """Combine the date parameters of a search: the product of their queries, with fallbacks if too large.

    A rejected plan rejects the search; an empty plan makes it empty.
    """
    problem = next((plan.problem for plan in plans if plan.problem), None)
    if problem:
        return DateQueries("reject", (), problem=problem)
    if any(plan.strategy == "empty" for plan in plans):
        return DateQueries("empty", (), cacheable=all(plan.cacheable for plan in plans), plans=tuple(plans))
    reduced = _reduce_to_fit(list(plans), max_splits)
    problem = _combination_problem(reduced, max_splits)
    return DateQueries("reject", (), problem=problem) if problem else _join_plans(reduced)


def require_selective(plan: DatePlan) -> DatePlan:
    """Plan of a search without other criteria; rejected if the upstream would return every record."""
    if plan.strategy != "drop+filter":
        return plan
    return rejected_plan(plan.name, "too-costly", _NOT_SELECTIVE)


def rejected_plan(name: str, kind: ProblemKind, text: str) -> DatePlan:
    """Plan of a search that the gateway rejects."""
    problem = DateProblem(kind, _MESSAGES[kind], f"{name}: {text}", f"http.{name}")
    return DatePlan(name, "reject", (), text, problem=problem)


def explain_plan(plan: DatePlan) -> tuple[str, ...]:
    """Lines of text for the command line and an OperationOutcome; they contain the client's values."""
    queries = [
        " & ".join(f"{plan.name}={value}" for value in query) or "(no condition)" for query in plan.queries
    ]
    return (
        f"{plan.name}: {plan.strategy}",
        *(f"means {text}" for text in plan.range_texts),
        *(f"query {number}: {text}" for number, text in enumerate(queries, 1)),
        f"filter: {'no' if plan.exact else 'yes'}",
        f"why: {plan.problem.text if plan.problem else plan.reason}",
    )


def _reduce_to_fit(plans: list[DatePlan], max_splits: int) -> list[DatePlan]:
    """Return the plans with fallback queries, of the largest first, until few combinations remain."""
    count, reduced = _count_combinations(plans), list(plans)
    for place in sorted(range(len(plans)), key=lambda place: -len(plans[place].queries)):
        if count <= max_splits:
            break
        reduced[place] = plans[place].as_single_query()
        count = count // len(plans[place].queries) * len(reduced[place].queries)
    return reduced


def _combination_problem(plans: Sequence[DatePlan], max_splits: int) -> DateProblem | None:
    """Return why the plans cannot be combined: too many parts, or overlapping parts of unseen dates."""
    if _count_combinations(plans) > max_splits:
        largest = max(plans, key=lambda plan: len(plan.queries))
        return rejected_plan(largest.name, "too-costly", TOO_COSTLY).problem
    unseen = next((plan for plan in plans if plan.is_split and plan.dedupe and not plan.predicate), None)
    return rejected_plan(unseen.name, "not-supported", _OVERLAP).problem if unseen else None


def _count_combinations(plans: Iterable[DatePlan]) -> int:
    return prod(len(plan.queries) for plan in plans)


def _join_plans(plans: Sequence[DatePlan]) -> DateQueries:
    pairs = [[[(plan.name, value) for value in query] for query in plan.queries] for plan in plans]
    queries = tuple(tuple(pair for query in combination for pair in query) for combination in product(*pairs))
    exact, dedupe = all(plan.exact for plan in plans), any(plan.dedupe for plan in plans)
    return DateQueries(
        plans[0].strategy if len(plans) == 1 else strategy_name(len(queries), exact=exact, dedupe=dedupe),
        queries,
        tuple(plan.filter_predicate for plan in plans if plan.filter_predicate),
        exact,
        dedupe,
        all(plan.cacheable for plan in plans),
        plans=tuple(plans),
    )
