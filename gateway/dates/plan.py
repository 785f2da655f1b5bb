"""What the gateway does with one date parameter, and with several of one search."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Final, Literal

from gateway.dates.bounds import range_text
from gateway.dates.matcher import DatePredicate
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
Query = tuple[str, ...]
"""The values to send as repeats of one parameter in one upstream query."""


@dataclass(frozen=True, slots=True)
class DateProblem:
    """Why a search is refused: what to write instead, with the parameter's name and never its value.

    `kind` is the OperationOutcome's issue type, `message` the code of R4's operation-outcome system.
    """

    kind: ProblemKind
    message: str
    text: str
    expression: str


@dataclass(frozen=True, slots=True)
class DatePlan:
    """The upstream queries for one parameter, in ascending order of date.

    `exact`: the upstream's answer needs no filter. `dedupe`: the queries overlap. `predicate`: the original
    condition, where it can be checked on the matches. `cacheable`: false when the answer depends on
    the clock. `fallback`: one query that is a superset, for a search with too many parts.
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

    @property
    def filter_predicate(self) -> DatePredicate | None:
        """What must be re-applied to every match; `None` when the upstream's answer is exact."""
        return None if self.exact else self.predicate

    @property
    def range_texts(self) -> tuple[str, ...]:
        """Per repeat the half-open ranges asked for. Holds the client's values: for explain only."""
        return tuple(" or ".join(range_text(value) for value in repeat) for repeat in self.values)

    def as_single_query(self) -> "DatePlan":
        """The same condition as one query with a filter, where there is such a query."""
        if len(self.queries) < 2 or self.fallback is None:  # noqa: PLR2004 - one query is its own hull
            return self
        return replace(
            self, strategy="widen+filter", queries=(self.fallback,), exact=False, dedupe=False, fallback=None
        )


@dataclass(frozen=True, slots=True)
class DateQueries:
    """The upstream queries of a whole search, as the `(name, value)` pairs of its date parameters."""

    strategy: Strategy
    queries: tuple[tuple[tuple[str, str], ...], ...]
    filters: tuple[DatePredicate, ...] = ()
    exact: bool = True
    dedupe: bool = False
    cacheable: bool = True
    problem: DateProblem | None = None


TOO_COSTLY: Final = (
    "The date conditions fall into more parts than this gateway asks for: write fewer values, or one range"
    " as two repeats of the parameter, ge and lt."
)
_NOT_SELECTIVE: Final = (
    "Nothing narrows this search upstream, so that every record would have to be read: add another criterion,"
    " or a lower bound such as lt or eq."
)
_MESSAGES: Final[dict[ProblemKind, str]] = {
    "value": "MSG_DATE_FORMAT",
    "not-supported": "MSG_PARAM_INVALID",
    "too-costly": "MSG_PARAM_INVALID",
}


def strategy_name(count: int, *, exact: bool, dedupe: bool) -> Strategy:
    """The name of a plan with that many queries."""
    if count == 1:
        return "single" if exact else "widen+filter"
    return ("split+dedupe" if dedupe else "split") if exact else "split+filter"


def combine_plans(plans: Sequence[DatePlan], max_splits: int) -> DateQueries:
    """Every date parameter of one search together: the product of their parts, hulls where it is too large.

    The first refusal refuses the whole; an empty condition makes the whole empty.
    """
    problem = next((plan.problem for plan in plans if plan.problem), None)
    if problem:
        return DateQueries("reject", (), problem=problem)
    if any(plan.strategy == "empty" for plan in plans):
        return DateQueries("empty", (), cacheable=all(plan.cacheable for plan in plans))
    fitting = _reduce_to_fit(list(plans), max_splits)
    if _count_combinations(fitting) > max_splits:
        largest = max(fitting, key=lambda plan: len(plan.queries))
        return DateQueries(
            "reject", (), problem=rejected_plan(largest.name, "too-costly", TOO_COSTLY).problem
        )
    return _join_plans(fitting)


def require_selective(plan: DatePlan) -> DatePlan:
    """The plan of a search that nothing else narrows: reading everything to filter it is refused."""
    if plan.strategy != "drop+filter":
        return plan
    return rejected_plan(plan.name, "too-costly", _NOT_SELECTIVE)


def rejected_plan(name: str, kind: ProblemKind, text: str) -> DatePlan:
    """The plan of a search that is not carried out."""
    problem = DateProblem(kind, _MESSAGES[kind], f"{name}: {text}", f"http.{name}")
    return DatePlan(name, "reject", (), text, problem=problem)


def explain_plan(plan: DatePlan) -> tuple[str, ...]:
    """The plan in lines of text, for the command line and an OperationOutcome; holds the client's values."""
    sent = [
        " & ".join(f"{plan.name}={value}" for value in query) or "(no condition)" for query in plan.queries
    ]
    return (
        f"{plan.name}: {plan.strategy}",
        *(f"means {text}" for text in plan.range_texts),
        *(f"query {number}: {text}" for number, text in enumerate(sent, 1)),
        f"filter: {'no' if plan.exact else 'yes'}",
        f"why: {plan.problem.text if plan.problem else plan.reason}",
    )


def _reduce_to_fit(plans: list[DatePlan], max_splits: int) -> list[DatePlan]:
    while _count_combinations(plans) > max_splits:
        largest = max(
            plans,
            key=lambda plan: len(plan.as_single_query().queries) < len(plan.queries) and len(plan.queries),
        )
        if largest.as_single_query() is largest:
            break
        plans = [plan.as_single_query() if plan is largest else plan for plan in plans]
    return plans


def _count_combinations(plans: Iterable[DatePlan]) -> int:
    return prod(len(plan.queries) for plan in plans)


def _join_plans(plans: Sequence[DatePlan]) -> DateQueries:
    named = [[[(plan.name, value) for value in query] for query in plan.queries] for plan in plans]
    queries = tuple(tuple(pair for query in combination for pair in query) for combination in product(*named))
    exact, dedupe = all(plan.exact for plan in plans), any(plan.dedupe for plan in plans)
    return DateQueries(
        plans[0].strategy if len(plans) == 1 else strategy_name(len(queries), exact=exact, dedupe=dedupe),
        queries,
        tuple(plan.filter_predicate for plan in plans if plan.filter_predicate),
        exact,
        dedupe,
        all(plan.cacheable for plan in plans),
    )
