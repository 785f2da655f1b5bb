"""Merging of upstream pages, of one or several searches, into one client page with an exact total."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import compress
from operator import not_
from typing import Self

import msgspec
from msgspec.structs import replace

from gateway.cache.directives import ResponseDirectives
from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.plan import DatePlan
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, START, FhirRequest, FhirResponse, Headers, Paging, Position, UpstreamUse
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import decode_resource
from gateway.fhir.search_params import SearchParams
from gateway.paging.upstream_links import link_positions
from gateway.paging.visited_pages import next_page
from gateway.search.completeness import PAGE_LIMITED, require_whole_page, total_of_page
from gateway.search.contradiction import find_contradiction, require_shown_dates
from gateway.search.dropped_parameters import dropped_parameter_warnings, require_parameters_used
from gateway.search.entries import (
    included_entries,
    needed_includes,
    outcome_entries,
    possible_includes,
    unique_entries,
    warning_entry,
)
from gateway.search.ignored_criteria import (
    has_ignored_warning,
    ignored_criteria,
    lacks_values,
    may_hide_elements,
    stated_search,
)
from gateway.search.ignored_warnings import warned_parameters
from gateway.search.merged_headers import merge_directives, merge_headers
from gateway.search.missing_dates import require_missing_dates
from gateway.search.parts import PartCriterion, part_criteria
from gateway.upstreams.entry_modes import with_stated_modes


class MergedSearch(msgspec.Struct, frozen=True, dict=True):
    """Result of the upstream pages read so far for one client page of a search."""

    request: FhirRequest
    matches: tuple[Entry, ...] = ()
    other_entries: tuple[Entry, ...] = ()
    totals: Mapping[int, int] | None = None
    read_matches: Mapping[int, int] = {}
    needs_filter: bool = False
    is_disproved: bool = False
    first_response: FhirResponse | None = None
    applied_repairs: tuple[str, ...] = ()
    ignored_parameters: frozenset[str] = frozenset()
    page_positions: Mapping[str, Position] = {}
    warnings: tuple[str, ...] = ()
    directives: ResponseDirectives | None = None
    upstream_pages: int = 0
    upstream_use: UpstreamUse = NO_USE

    @property
    def next_position(self) -> Position | None:
        """Position of the next upstream page; None at the end."""
        return self.page_positions.get("next")

    def add_page(self, position: Position, response: FhirResponse) -> Self:
        """Return the result with another page. Raises Failure if an ignored criterion cannot be checked."""
        bundle = with_stated_modes(self.request, self._bundle_of(response))
        needs_filter = position.needs_filter or self.needs_filter or self._has_ignored_date(position, bundle)
        is_disproved = not needs_filter and self._is_disproved_by(position, bundle)
        needs_filter = needs_filter or is_disproved
        matches = list(compress(bundle.entries, bundle.match_flags))
        remaining = self._remaining_matches(matches, position, needs_filter=needs_filter)
        filtered = [] if remaining is matches else _without(matches, remaining)
        other_entries = compress(bundle.entries, map(not_, bundle.match_flags))
        total = total_of_page(self.request, self._search_at(position), position, bundle)
        return replace(
            self,
            matches=(*self.matches, *remaining),
            other_entries=(*self.other_entries, *other_entries, *possible_includes(self.request, filtered)),
            totals={**(self.totals or {}), **({} if total is None else {position.part: total})},
            read_matches={
                **self.read_matches,
                position.part: self.read_matches.get(position.part, 0) + len(matches),
            },
            needs_filter=needs_filter,
            is_disproved=self.is_disproved or is_disproved,
            first_response=self.first_response or response,
            applied_repairs=tuple(dict.fromkeys((*self.applied_repairs, *response.applied_repairs))),
            ignored_parameters=self.ignored_parameters | self._dropped_parameters(position, bundle),
            page_positions=self._positions_after(position, bundle, needs_filter=needs_filter),
            warnings=tuple(dict.fromkeys((*self.warnings, *self._page_warnings(position, bundle)))),
            directives=merge_directives(self.directives, response),
            upstream_pages=self.upstream_pages + 1,
            upstream_use=self.upstream_use.plus(response.upstream_use),
        )

    def _dropped_parameters(self, position: Position, bundle: Bundle) -> frozenset[str]:
        """Parameters, except dates, that the upstream did not use. Raises Failure 400 if they must be."""
        sent = self._search_at(position)
        stated = stated_search(sent, bundle)
        dropped = ignored_criteria(sent, self._date_names, stated, self.request.interaction.type)
        dropped |= warned_parameters(sent, bundle) - self._date_names
        require_parameters_used(self.request, dropped)
        require_missing_dates(self.request, sent, bundle)
        return dropped

    def _page_warnings(self, position: Position, bundle: Bundle) -> Sequence[str]:
        """Texts about a page that is right as far as it goes. Raises Failure if it may not be passed on."""
        has_next = any(link.relation == "next" for link in bundle.links)
        if position.upstream_link or has_next or not self.request.interaction.is_search:
            return ()
        return () if require_whole_page(self._search_at(position), bundle) else (PAGE_LIMITED,)

    def _bundle_of(self, response: FhirResponse) -> Bundle:
        """Bundle of a page. Raises Failure 502 without one, unless the whole response is asynchronous."""
        bundle = response.with_parsed_bundle().bundle
        if bundle is None and (self.first_response or self.request.plan.date_plans):
            raise Failure(
                catalog.UPSTREAM_PAGE_MISSING,
                diagnostics=f"status={response.status} request={self.request.request_id}",
            )
        return bundle or Bundle({}, (), ())

    @property
    def is_complete(self) -> bool:
        """Whether the client's page is complete: another upstream page might exceed its `_count`."""
        return bool(self.matches) or self.next_position is None

    def merged_response(self) -> FhirResponse:
        """Build the client's page, with `page_positions`, and with a `total` only if it is exact."""
        first = (self.first_response or FhirResponse(200)).with_parsed_bundle()
        first = first.with_upstream_use(self.upstream_use)
        if first.bundle is None:
            return first  # 202 or 304: there is no page to merge
        if "signature" in first.bundle.fields and not self.request.plan.date_plans:
            return first  # any change would break its signature
        entries = (*self.matches, *self._included_entries(), *outcome_entries(self.other_entries))
        texts = (*self.warnings, *dropped_parameter_warnings(self.ignored_parameters))
        entries += tuple(map(warning_entry, texts))
        if self.request.interaction.is_search:  # a history has several versions, without modes
            entries = unique_entries(entries)
        bundle = first.bundle.replace(entries=entries).with_total(self.total)
        return first.with_bundle(bundle).replace(
            headers=self.headers,
            applied_repairs=self.applied_repairs,
            paging=Paging(self.page_positions),
            ignored_parameters=self.ignored_parameters,
        )

    @property
    def match_count(self) -> int:
        """Number of matches read so far, each counted once."""
        return len(unique_entries(self.matches))

    @property
    def headers(self) -> Headers:
        """Header fields of the client's page: those of its only upstream page, or merged."""
        first = self.first_response.headers if self.first_response else ()
        if self.directives is None or self.upstream_pages == 1:
            return first
        return merge_headers(first, self.directives)

    @property
    def total(self) -> int | None:
        """Number of matches on all pages; None if unknown."""
        if self.is_disproved:
            return None
        if self.request.plan.position.upstream_link or self.request.plan.position.part or self.next_position:
            return self._total_of_parts if self._is_exact else None
        return self.match_count if not self._is_exact else self._total_of_parts

    @property
    def _total_of_parts(self) -> int | None:
        totals = self.totals or {}
        return sum(totals.values()) if len(totals) == len(self._split_searches) else None

    @property
    def _is_exact(self) -> bool:
        """Whether the upstream's totals are those of the search: the sum of overlapping parts is not."""
        return not (self.needs_filter or self._filter_predicates or self._overlapping_plans)

    @cached_property
    def _filter_predicates(self) -> tuple[DatePredicate, ...]:
        return tuple(plan.filter_predicate for plan in self.request.plan.date_plans if plan.filter_predicate)

    def _remaining_matches(
        self, matches: list[Entry], position: Position, *, needs_filter: bool
    ) -> list[Entry]:
        """Return the matches that meet the criteria to filter by, and that belong to this part."""
        if not needs_filter:
            require_shown_dates(self.request.plan.date_plans, self._search_at(position), matches)
        predicates = self._all_predicates if needs_filter and matches else self._filter_predicates
        criteria = self._part_criteria if predicates or needs_filter else ()
        if not (predicates or criteria or self._overlapping_plans):
            return matches
        return [
            entry for entry in matches if self._passes_filters(entry, predicates, criteria, position.part)
        ]

    def _passes_filters(
        self, entry: Entry, predicates: Sequence[DatePredicate], criteria: Sequence[PartCriterion], part: int
    ) -> bool:
        """Whether a match meets the predicates, and belongs to the part of the search that returned it."""
        site = self.request.site
        if entry.resource is None or site is None:
            return True
        resource = decode_resource(entry.resource)
        sent = self._split_searches[part]
        return (
            all(meets_predicate(predicate, resource, site.zone) for predicate in predicates)
            and all(
                plan.is_match_of(sent.values(plan.name), resource, site.zone)
                for plan in self._overlapping_plans
            )
            and not any(criterion.excludes(part, resource) for criterion in criteria)
        )

    @cached_property
    def _part_criteria(self) -> tuple[PartCriterion, ...]:
        return part_criteria(self.request)

    @cached_property
    def _overlapping_plans(self) -> tuple[DatePlan, ...]:
        return tuple(plan for plan in self.request.plan.date_plans if plan.dedupe)

    @cached_property
    def _all_predicates(self) -> tuple[DatePredicate, ...]:
        """Every date criterion. Raises Failure if one cannot be checked on the matches."""
        hidden = may_hide_elements(self.request.upstream_search)
        uncheckable = next(
            (plan for plan in self.request.plan.date_plans if plan.predicate is None or hidden), None
        )
        if uncheckable is not None:
            raise Failure(catalog.FILTER_IGNORED, expression=f"http.{uncheckable.name}")
        return tuple(plan.predicate for plan in self.request.plan.date_plans if plan.predicate)

    def _has_ignored_date(self, position: Position, bundle: Bundle) -> bool:
        """Whether the upstream states that it ignored a date criterion."""
        if not self.request.plan.date_plans:
            return False
        sent = self._search_at(position)
        return lacks_values(sent, self._date_names, stated_search(sent, bundle)) or has_ignored_warning(
            self._date_names, bundle
        )

    def _is_disproved_by(self, position: Position, bundle: Bundle) -> bool:
        """Whether matches show that a date criterion was ignored. Raises Failure if the clock is wrong."""
        sent = self._search_at(position)
        if may_hide_elements(sent):
            return False
        contradiction = find_contradiction(self.request, sent, bundle)
        if contradiction and contradiction.is_shifted:
            raise Failure(catalog.DATES_SHIFTED, expression=f"http.{contradiction.name}")
        return contradiction is not None

    @property
    def _date_names(self) -> frozenset[str]:
        return frozenset(plan.name for plan in self.request.plan.date_plans)

    def _positions_after(
        self, position: Position, bundle: Bundle, *, needs_filter: bool
    ) -> Mapping[str, Position]:
        """Positions of the client's page links: the upstream's, or `first` and `next` through the parts."""
        positions = link_positions(self.request, bundle, position.part, needs_filter=needs_filter)
        if "next" in positions:
            sent = self._search_at(position)
            positions["next"] = next_page(position, positions["next"], sent, bundle)
        if len(self._split_searches) == 1 and self._is_exact and not needs_filter:
            return positions
        part = position.part + 1
        next_part = Position(part, "", needs_filter) if part < len(self._split_searches) else None
        next_position = positions.get("next") or next_part
        return {"first": START} | ({"next": next_position} if next_position else {})

    def _search_at(self, position: Position) -> SearchParams:
        return self._split_searches[position.part]

    @property
    def _split_searches(self) -> tuple[SearchParams, ...]:
        return self.request.plan.split_searches or (self.request.upstream_search,)

    def _included_entries(self) -> Sequence[Entry]:
        included = included_entries(self.other_entries)
        return included if self._is_exact else needed_includes(self.request, self.matches, included)


def _without(entries: Sequence[Entry], removed: Sequence[Entry]) -> list[Entry]:
    removed_ids = set(map(id, removed))
    return [entry for entry in entries if id(entry) not in removed_ids]
