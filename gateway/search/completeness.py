"""Check that the only page of a search contains the matches that its total promises."""

from typing import Final

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import SearchParams

_MAX_COUNT_DIGITS: Final = 9


#: Text of the warning for a full page that the upstream does not continue.
PAGE_LIMITED: Final = (
    "The upstream has more matches than this page, which has as many as _count permits, and gives no link to"
    " the others. This result is not complete."
)


def require_whole_page(sent_search: SearchParams, bundle: Bundle) -> bool:
    """Whether a page without `next`, at the start of a search, has all matches.

    False if it has as many as the client's `_count` permits: the upstream has no pages. Raises Failure 502 if
    there are fewer. The total of a count, and an estimate, say nothing about the page; some servers count the
    includes, too.
    """
    total = bundle.total
    if total is None or _counts_only(sent_search) or "signature" in bundle.fields:
        return True
    matches, includes = _match_count(bundle), bundle.stated_modes.count("include")
    if total <= matches:
        return True
    if matches and matches >= _page_size(sent_search):
        return False
    if total == matches + includes:
        return True
    raise Failure(catalog.UPSTREAM_INCOMPLETE)


def total_of_page(
    request: FhirRequest, sent_search: SearchParams, position: Position, bundle: Bundle
) -> int | None:
    """Total that a page states; of one with all matches, their number: some servers count the includes.

    Raises Failure 502 if matches are missing.
    """
    total, has_next = bundle.total, any(link.relation == "next" for link in bundle.links)
    if total is None or has_next or position.upstream_link or not request.interaction.is_search:
        return total
    is_count = _counts_only(sent_search)
    return total if is_count or not require_whole_page(sent_search, bundle) else _match_count(bundle)


def _match_count(bundle: Bundle) -> int:
    return bundle.match_flags.count(True)


def _counts_only(search: SearchParams) -> bool:
    return (
        search.values("_summary")[-1:] == ("count",)
        or search.values("_count")[-1:] == ("0",)
        or search.values("_total")[-1:] == ("estimate",)
    )


def _page_size(search: SearchParams) -> float:
    count = next(iter(search.values("_count")[-1:]), "")
    return int(count) if count.isdecimal() and len(count) <= _MAX_COUNT_DIGITS else float("inf")
