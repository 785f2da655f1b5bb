"""One client page out of the pages of one or more upstream queries: filtered, merged, with honest totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import msgspec

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.value import parse_date_value
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Position
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

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class MergedSearch:
    """What has been read for one client page of a search."""

    request: FhirRequest
    matches: tuple[Entry, ...] = ()
    other_entries: tuple[Entry, ...] = ()
    totals: Mapping[int, int] | None = None
    needs_filter: bool = False
    first_response: FhirResponse | None = None
    applied_repairs: tuple[str, ...] = ()
    ignored_parameters: frozenset[str] = frozenset()
    page_positions: Mapping[str, Position] = field(default_factory=dict)

    @property
    def next_position(self) -> Position | None:
        """Where the next upstream page is; None at the end."""
        return self.page_positions.get("next")

    def add_page(self, position: Position, response: FhirResponse) -> Self:
        """What was read, and one more page. Raises Failure when a dropped criterion cannot be made good."""
        bundle = response.with_parsed_bundle().bundle or Bundle({}, (), ())
        unfiltered = position.needs_filter or self.needs_filter or self._has_ignored_date(position, bundle)
        modes = [(entry, search_mode(entry) == "match") for entry in bundle.entries]
        kept = self._remaining_matches(
            [entry for entry, match in modes if match], position, needs_filter=unfiltered
        )
        total = bundle.total
        return replace(
            self,
            matches=self.matches + tuple(kept),
            other_entries=self.other_entries + tuple(entry for entry, match in modes if not match),
            totals={**(self.totals or {}), **({} if total is None else {position.part: total})},
            needs_filter=unfiltered,
            first_response=self.first_response or response,
            applied_repairs=tuple(dict.fromkeys((*self.applied_repairs, *response.applied_repairs))),
            ignored_parameters=self.ignored_parameters
            | ignored_criteria(
                self._search_at(position),
                self._date_names,
                stated_search(position, self._search_at(position), bundle),
            ),
            page_positions=self._positions_after(position, bundle, needs_filter=unfiltered),
        )

    @property
    def is_complete(self) -> bool:
        """Whether the client's page is done: another whole upstream page might exceed its `_count`."""
        return bool(self.matches) or self.next_position is None

    def merged_response(self) -> FhirResponse:
        """The client's page. `pages` leads on; `total` is there only where it is true."""
        first = (self.first_response or FhirResponse(200)).with_parsed_bundle()
        whole = first.bundle
        if whole is None:
            return first  # accepted for later, or not modified: no page to add to
        if "signature" in whole.fields and not self.request.date_plans:
            return first  # any change would break its signature
        entries = (*self.matches, *self._included_entries(), *self._outcome_entries())
        bundle = whole.replace(entries=_unique_by_url(entries)).with_total(self.total)
        return first.with_bundle(bundle).replace(
            applied_repairs=self.applied_repairs,
            page_positions=self.page_positions,
            ignored_parameters=self.ignored_parameters,
        )

    @property
    def total(self) -> int | None:
        """The number of matches on all pages, if it is known."""
        if self.request.position.upstream_link or self.request.position.part or self.next_position:
            return self._total_of_parts if self._is_exact else None
        return len(self.matches) if not self._is_exact else self._total_of_parts

    @property
    def _total_of_parts(self) -> int | None:
        totals = self.totals or {}
        return sum(totals.values()) if len(totals) == len(self._split_searches) else None

    @property
    def _is_exact(self) -> bool:
        overlapping = any(plan.dedupe for plan in self.request.date_plans)  # then totals do not add
        return not (self.needs_filter or self._filter_predicates or overlapping)

    @cached_property
    def _filter_predicates(self) -> tuple[DatePredicate, ...]:
        return tuple(plan.filter_predicate for plan in self.request.date_plans if plan.filter_predicate)

    def _remaining_matches(
        self, matches: list[Entry], position: Position, *, needs_filter: bool
    ) -> list[Entry]:
        """The matches that meet what the upstream did not look at, and did not come with an earlier part."""
        earlier = self._earlier_conditions(position)
        predicates = self._all_predicates if needs_filter and matches else self._filter_predicates
        if not (predicates or earlier):
            return matches
        return [entry for entry in matches if self._passes_filters(entry, predicates, earlier)]

    def _passes_filters(
        self, entry: Entry, predicates: Sequence[DatePredicate], earlier_conditions: list[list[DatePredicate]]
    ) -> bool:
        site = self.request.site
        if entry.resource is None or site is None:
            return True
        resource = _decode(entry.resource)
        if not all(meets_predicate(predicate, resource, site.zone) for predicate in predicates):
            return False
        return not any(
            all(meets_predicate(each, resource, site.zone) for each in part) for part in earlier_conditions
        )

    def _earlier_conditions(self, position: Position) -> list[list[DatePredicate]]:
        """The conditions of each earlier part, where parts may overlap: what meets them was given there."""
        if not any(plan.dedupe for plan in self.request.date_plans):
            return []
        return [
            [
                DatePredicate(
                    plan.predicate.parameter,
                    tuple((parse_date_value(each),) for each in sent.values(plan.name)),
                )
                for plan in self.request.date_plans
                if plan.predicate is not None
            ]
            for sent in self._split_searches[: position.part]
        ]

    @cached_property
    def _all_predicates(self) -> tuple[DatePredicate, ...]:
        """Every date criterion. Raises Failure when one cannot be checked on the matches."""
        hidden = may_hide_elements(self.request.upstream_search)
        unknown = next((plan for plan in self.request.date_plans if plan.predicate is None or hidden), None)
        if unknown is not None:
            raise Failure(catalog.FILTER_IGNORED, expression=f"http.{unknown.name}")
        return tuple(plan.predicate for plan in self.request.date_plans if plan.predicate)

    def _has_ignored_date(self, position: Position, bundle: Bundle) -> bool:
        """Whether the upstream says, or its matches show, that it did not use a date criterion."""
        if not self.request.date_plans:
            return False
        sent = self._search_at(position)
        said = lacks_values(
            sent, self._date_names, stated_search(position, sent, bundle)
        ) or has_ignored_warning(self._date_names, bundle)
        return said or (not may_hide_elements(sent) and contradicts_criteria(self.request, bundle))

    @property
    def _date_names(self) -> frozenset[str]:
        return frozenset(plan.name for plan in self.request.date_plans)

    def _positions_after(
        self, position: Position, bundle: Bundle, *, needs_filter: bool
    ) -> Mapping[str, Position]:
        """Where the client may go from here: anywhere the upstream leads, or on through the parts."""
        found = link_positions(self.request, bundle, position.part, needs_filter=needs_filter)
        if len(self._split_searches) == 1 and self._is_exact and not needs_filter:
            return found
        more = (
            Position(position.part + 1, "", needs_filter)
            if position.part + 1 < len(self._split_searches)
            else None
        )
        following = found.get("next") or more
        return {"first": START} | ({"next": following} if following else {})

    def _search_at(self, position: Position) -> SearchParams:
        return self._split_searches[position.part]

    @property
    def _split_searches(self) -> tuple[SearchParams, ...]:
        return self.request.split_searches or (self.request.upstream_search,)

    def _included_entries(self) -> Sequence[Entry]:
        included = [entry for entry in self.other_entries if search_mode(entry) == "include"]
        if self._is_exact:
            return included
        asked = self.request.client_search.parameters
        reverse = frozenset(each.value.partition(":")[0] for each in asked if each.code == "_revinclude")
        return reachable_includes(self.matches, included, reverse)

    def _outcome_entries(self) -> Sequence[Entry]:
        return [entry for entry in self.other_entries if search_mode(entry) not in {"match", "include"}]


def _unique_by_url(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Each `fullUrl` once, as bdl-7 wants: a match comes first and wins over an include."""
    seen: dict[str, Entry] = {}
    for number, entry in enumerate(entries):
        seen.setdefault(entry.full_url or f"#{number}", entry)
    return tuple(seen.values())
