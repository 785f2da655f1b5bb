"""One client page out of the pages of one or more upstream queries: filtered, merged, with honest totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import msgspec

from gateway.dates.matcher import DatePredicate, matches
from gateway.dates.value import parse_date_value
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Position
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import mode, without_orphans
from gateway.fhir.search_params import Search
from gateway.paging.upstream_links import positions
from gateway.search.ignored_criteria import disproved, hides, ignored, lacks, stated, warned

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class Gathering:
    """What has been read for one client page of a search."""

    request: FhirRequest
    matches: tuple[Entry, ...] = ()
    others: tuple[Entry, ...] = ()
    totals: Mapping[int, int] | None = None
    unfiltered: bool = False
    first: FhirResponse | None = None
    repairs: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    pages: Mapping[str, Position] = field(default_factory=dict)

    @property
    def following(self) -> Position | None:
        """Where the next upstream page is; None at the end."""
        return self.pages.get("next")

    def with_page(self, position: Position, response: FhirResponse) -> Self:
        """What was read, and one more page. Raises Failure when a dropped criterion cannot be made good."""
        bundle = response.opened().bundle or Bundle({}, (), ())
        unfiltered = position.unfiltered or self.unfiltered or self._dropped(position, bundle)
        modes = [(entry, mode(entry) == "match") for entry in bundle.entries]
        kept = self._kept([entry for entry, match in modes if match], position, unfiltered=unfiltered)
        total = bundle.total
        return replace(
            self,
            matches=self.matches + tuple(kept),
            others=self.others + tuple(entry for entry, match in modes if not match),
            totals={**(self.totals or {}), **({} if total is None else {position.part: total})},
            unfiltered=unfiltered,
            first=self.first or response,
            repairs=tuple(dict.fromkeys((*self.repairs, *response.repairs))),
            ignored=self.ignored
            | ignored(self._sent(position), self._names, stated(position, self._sent(position), bundle)),
            pages=self._after(position, bundle, unfiltered=unfiltered),
        )

    @property
    def enough(self) -> bool:
        """Whether the client's page is done: another whole upstream page might exceed its `_count`."""
        return bool(self.matches) or self.following is None

    def response(self) -> FhirResponse:
        """The client's page. `pages` leads on; `total` is there only where it is true."""
        first = (self.first or FhirResponse(200)).opened()
        whole = first.bundle
        if whole is None:
            return first  # accepted for later, or not modified: no page to add to
        if "signature" in whole.fields and not self.request.dates:
            return first  # any change would break its signature
        entries = (*self.matches, *self._included(), *self._outcomes())
        bundle = whole.changed(entries=_unique(entries)).with_total(self.total)
        return first.with_bundle(bundle).changed(repairs=self.repairs, pages=self.pages, ignored=self.ignored)

    @property
    def total(self) -> int | None:
        """The number of matches on all pages, if it is known."""
        if self.request.position.rest or self.request.position.part or self.following:
            return self._summed if self._exact else None
        return len(self.matches) if not self._exact else self._summed

    @property
    def _summed(self) -> int | None:
        totals = self.totals or {}
        return sum(totals.values()) if len(totals) == len(self._parts) else None

    @property
    def _exact(self) -> bool:
        overlapping = any(plan.dedupe for plan in self.request.dates)  # then totals do not add
        return not (self.unfiltered or self._filters or overlapping)

    @cached_property
    def _filters(self) -> tuple[DatePredicate, ...]:
        return tuple(plan.filter for plan in self.request.dates if plan.filter)

    def _kept(self, found: list[Entry], position: Position, *, unfiltered: bool) -> list[Entry]:
        """The matches that meet what the upstream did not look at, and did not come with an earlier part."""
        earlier = self._earlier(position)
        predicates = self._every if unfiltered and found else self._filters
        if not (predicates or earlier):
            return found
        return [entry for entry in found if self._meets(entry, predicates, earlier)]

    def _meets(
        self, entry: Entry, predicates: Sequence[DatePredicate], earlier: list[list[DatePredicate]]
    ) -> bool:
        site = self.request.site
        if entry.resource is None or site is None:
            return True
        resource = _decode(entry.resource)
        if not all(matches(predicate, resource, site.zone) for predicate in predicates):
            return False
        return not any(all(matches(each, resource, site.zone) for each in part) for part in earlier)

    def _earlier(self, position: Position) -> list[list[DatePredicate]]:
        """The conditions of each earlier part, where parts may overlap: what meets them was given there."""
        if not any(plan.dedupe for plan in self.request.dates):
            return []
        return [
            [
                DatePredicate(
                    plan.predicate.parameter,
                    tuple((parse_date_value(each),) for each in sent.values(plan.name)),
                )
                for plan in self.request.dates
                if plan.predicate is not None
            ]
            for sent in self._parts[: position.part]
        ]

    @cached_property
    def _every(self) -> tuple[DatePredicate, ...]:
        """Every date criterion. Raises Failure when one cannot be checked on the matches."""
        hidden = hides(self.request.search)
        unknown = next((plan for plan in self.request.dates if plan.predicate is None or hidden), None)
        if unknown is not None:
            raise Failure(catalog.FILTER_IGNORED, expression=f"http.{unknown.name}")
        return tuple(plan.predicate for plan in self.request.dates if plan.predicate)

    def _dropped(self, position: Position, bundle: Bundle) -> bool:
        """Whether the upstream says, or its matches show, that it did not use a date criterion."""
        if not self.request.dates:
            return False
        sent = self._sent(position)
        said = lacks(sent, self._names, stated(position, sent, bundle)) or warned(self._names, bundle)
        return said or (not hides(sent) and disproved(self.request, bundle))

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(plan.name for plan in self.request.dates)

    def _after(self, position: Position, bundle: Bundle, *, unfiltered: bool) -> Mapping[str, Position]:
        """Where the client may go from here: anywhere the upstream leads, or on through the parts."""
        found = positions(self.request, bundle, position.part, unfiltered=unfiltered)
        if len(self._parts) == 1 and self._exact and not unfiltered:
            return found
        more = Position(position.part + 1, "", unfiltered) if position.part + 1 < len(self._parts) else None
        following = found.get("next") or more
        return {"first": START} | ({"next": following} if following else {})

    def _sent(self, position: Position) -> Search:
        return self._parts[position.part]

    @property
    def _parts(self) -> tuple[Search, ...]:
        return self.request.parts or (self.request.search,)

    def _included(self) -> Sequence[Entry]:
        included = [entry for entry in self.others if mode(entry) == "include"]
        if self._exact:
            return included
        asked = self.request.asked.parameters
        reverse = frozenset(each.value.partition(":")[0] for each in asked if each.code == "_revinclude")
        return without_orphans(self.matches, included, reverse)

    def _outcomes(self) -> Sequence[Entry]:
        return [entry for entry in self.others if mode(entry) not in {"match", "include"}]


def _unique(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Each `fullUrl` once, as bdl-7 wants: a match comes first and wins over an include."""
    seen: dict[str, Entry] = {}
    for number, entry in enumerate(entries):
        seen.setdefault(entry.full_url or f"#{number}", entry)
    return tuple(seen.values())
