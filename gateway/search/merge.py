"""Merging of upstream pages, of one or several searches, into one client page with an exact total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import msgspec

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, START, FhirRequest, FhirResponse, Paging, Position, UpstreamUse
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import reachable_includes, search_mode
from gateway.fhir.search_params import SearchParams
from gateway.paging.upstream_links import link_positions
from gateway.search.ignored_criteria import (
    contradicts_criteria,
    has_ignored_warning,
    ignored_criteria,
    lacks_values,
    may_hide_elements,
    stated_search,
)
from gateway.search.parts import PartCriterion, contradicts_part, part_criteria

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class MergedSearch:
    """Result of the upstream pages read so far for one client page of a search."""

    request: FhirRequest
    matches: tuple[Entry, ...] = ()
    other_entries: tuple[Entry, ...] = ()
    totals: Mapping[int, int] | None = None
    read_matches: Mapping[int, int] = field(default_factory=dict)
    needs_filter: bool = False
    first_response: FhirResponse | None = None
    applied_repairs: tuple[str, ...] = ()
    ignored_parameters: frozenset[str] = frozenset()
    page_positions: Mapping[str, Position] = field(default_factory=dict)
    upstream_use: UpstreamUse = NO_USE

    @property
    def next_position(self) -> Position | None:
        """Position of the next upstream page; None at the end."""
        return self.page_positions.get("next")

    def add_page(self, position: Position, response: FhirResponse) -> Self:
        """Return the result with another page. Raises Failure if an ignored criterion cannot be checked."""
        bundle = response.with_parsed_bundle().bundle or Bundle({}, (), ())
        needs_filter = position.needs_filter or self.needs_filter or self._has_ignored_date(position, bundle)
        modes = [(entry, search_mode(entry) == "match") for entry in bundle.entries]
        matches = [entry for entry, is_match in modes if is_match]
        total = bundle.total
        return replace(
            self,
            matches=(*self.matches, *self._remaining_matches(matches, position, needs_filter=needs_filter)),
            other_entries=self.other_entries + tuple(entry for entry, is_match in modes if not is_match),
            totals={**(self.totals or {}), **({} if total is None else {position.part: total})},
            read_matches={
                **self.read_matches,
                position.part: self.read_matches.get(position.part, 0) + len(matches),
            },
            needs_filter=needs_filter,
            first_response=self.first_response or response,
            applied_repairs=tuple(dict.fromkeys((*self.applied_repairs, *response.applied_repairs))),
            ignored_parameters=self.ignored_parameters
            | ignored_criteria(
                self._search_at(position),
                self._date_names,
                stated_search(position, self._search_at(position), bundle),
            ),
            page_positions=self._positions_after(position, bundle, needs_filter=needs_filter),
            upstream_use=self.upstream_use.plus(response.upstream_use),
        )

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
        entries = (*self.matches, *self._included_entries(), *self._outcome_entries())
        bundle = first.bundle.replace(entries=_unique_by_url(entries)).with_total(self.total)
        return first.with_bundle(bundle).replace(
            applied_repairs=self.applied_repairs,
            paging=Paging(self.page_positions),
            ignored_parameters=self.ignored_parameters,
        )

    @property
    def match_count(self) -> int:
        """Number of matches read so far, each counted once."""
        return len(_unique_by_url(self.matches))

    @property
    def total(self) -> int | None:
        """Number of matches on all pages; None if unknown."""
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
        return not (self.needs_filter or self._filter_predicates or self._has_overlap)

    @cached_property
    def _filter_predicates(self) -> tuple[DatePredicate, ...]:
        return tuple(plan.filter_predicate for plan in self.request.plan.date_plans if plan.filter_predicate)

    def _remaining_matches(
        self, matches: list[Entry], position: Position, *, needs_filter: bool
    ) -> list[Entry]:
        """Return the matches that meet the criteria to filter by, and that belong to this part."""
        predicates = self._all_predicates if needs_filter and matches else self._filter_predicates
        criteria = self._part_criteria if predicates or needs_filter or self._has_overlap else ()
        if not (predicates or criteria):
            return matches
        return [
            entry for entry in matches if self._passes_filters(entry, predicates, criteria, position.part)
        ]

    def _passes_filters(
        self, entry: Entry, predicates: Sequence[DatePredicate], criteria: Sequence[PartCriterion], part: int
    ) -> bool:
        site = self.request.site
        if entry.resource is None or site is None:
            return True
        resource = _decode(entry.resource)
        return all(meets_predicate(predicate, resource, site.zone) for predicate in predicates) and not any(
            criterion.excludes(part, resource) for criterion in criteria
        )

    @cached_property
    def _part_criteria(self) -> tuple[PartCriterion, ...]:
        return part_criteria(self.request)

    @property
    def _has_overlap(self) -> bool:
        return any(plan.dedupe for plan in self.request.plan.date_plans)

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
        """Whether the upstream states, or its matches show, that it ignored a date criterion."""
        if not self.request.plan.date_plans:
            return False
        sent = self._search_at(position)
        return (
            lacks_values(sent, self._date_names, stated_search(position, sent, bundle))
            or has_ignored_warning(self._date_names, bundle)
            or (not may_hide_elements(sent) and self._is_contradicted(position, bundle))
        )

    def _is_contradicted(self, position: Position, bundle: Bundle) -> bool:
        return contradicts_criteria(self.request, bundle) or contradicts_part(
            self._part_criteria, position.part, bundle
        )

    @property
    def _date_names(self) -> frozenset[str]:
        return frozenset(plan.name for plan in self.request.plan.date_plans)

    def _positions_after(
        self, position: Position, bundle: Bundle, *, needs_filter: bool
    ) -> Mapping[str, Position]:
        """Positions of the client's page links: the upstream's, or `first` and `next` through the parts."""
        positions = link_positions(self.request, bundle, position.part, needs_filter=needs_filter)
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
        included = [entry for entry in self.other_entries if search_mode(entry) == "include"]
        if self._is_exact:
            return included
        criteria = self.request.client_search.parameters
        reverse = frozenset(item.value.partition(":")[0] for item in criteria if item.code == "_revinclude")
        return reachable_includes(self.matches, included, reverse)

    def _outcome_entries(self) -> Sequence[Entry]:
        return [entry for entry in self.other_entries if search_mode(entry) not in {"match", "include"}]


def _unique_by_url(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries with each `fullUrl` once, as bdl-7 requires: a match comes first and replaces an include."""
    entry_by_url: dict[str, Entry] = {}
    for number, entry in enumerate(entries):
        entry_by_url.setdefault(entry.full_url or f"#{number}", entry)
    return tuple(entry_by_url.values())
