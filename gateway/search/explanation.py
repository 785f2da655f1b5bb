"""What the gateway would do with a search, in words: nothing is sent for it."""

from gateway.dates.plan import explained
from gateway.exchange import FhirRequest, Site
from gateway.search.split_plan import SearchPlan, search_plan

_NO_DATES = "No date criteria: the search goes upstream as it is, in 1 query a page."
_EMPTY = "Provably nothing matches: answered here with an empty searchset, no upstream query."


def explanation(request: FhirRequest, site: Site) -> tuple[str, ...]:
    """Lines on each date criterion, the upstream queries, and whether filter or split is needed and why.

    They hold the client's own values: show them to that client alone.
    """
    plan = search_plan(request, request.search, site)
    if plan is None:
        return (_NO_DATES,)
    lines = tuple(line for date in plan.dates for line in explained(date))
    return (*lines, *_result(request, plan))


def _result(request: FhirRequest, plan: SearchPlan) -> tuple[str, ...]:
    if plan.problem:
        return (f"refused: {plan.problem.text}",)
    if not plan.parts:
        return (_EMPTY,)
    sent = tuple(f"upstream: {request.path}?{part.as_get().query}" for part in plan.parts)
    exact = all(date.exact for date in plan.dates)
    total = (
        "total as the upstream counts" if exact and len(sent) == 1 else "total only where all pages are read"
    )
    return (*sent, f"cost: {len(sent)} upstream search(es), 1 query for each page of each", total)
