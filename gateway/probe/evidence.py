"""An upstream's answer as a page of a probe."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from gateway.errors.failure import Failure, Kind
from gateway.exchange import FhirResponse
from gateway.fhir.search_params import search
from gateway.upstreams import failures, halo_failures
from gateway.upstreams import halo_failures as halo_refusals

Pairs = tuple[tuple[str, str], ...]
Resource = Mapping[str, Any]
Verdict = Literal["yes", "no", "refused", "unclear", "unasked"]


@dataclass(frozen=True)
class Asked:
    """One question as sent: path below the FHIR base, search parameters, the id of the record it is about."""

    path: str
    pairs: Pairs = ()
    record: str = ""


@dataclass(frozen=True, eq=False)
class Page:
    """An answer: its matches, or that the question was refused.

    `warned`: the upstream added an OperationOutcome. `echoed`: the parameters of `link[self]`; None without
    that link.
    """

    asked: Asked
    resources: tuple[Resource, ...] = ()
    refused: bool = False
    warned: bool = False
    echoed: Pairs | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the record (or, where none was named, any) was found; `unclear` where others were too."""
        if self.refused:
            return "refused"
        found = [str(resource.get("id", "")) for resource in self.resources]
        if not found:
            return "no"
        return "yes" if not self.asked.record or found == [self.asked.record] else "unclear"

    @property
    def echoes(self) -> bool | None:
        """Whether `link[self]` repeats every parameter sent; None without that link."""
        return None if self.echoed is None else set(self.asked.pairs) <= set(self.echoed)


REFUSALS: Final[frozenset[Kind]] = frozenset(
    {
        halo_refusals.REQUEST_INCOMPLETE,
        halo_refusals.REQUEST_REFUSED,
        failures.BAD_REQUEST,
        failures.NOT_FOUND,
        failures.PARAMETER_INVALID,
        failures.PARAMETER_UNKNOWN,
        halo_failures.QUERY_FAILED,
        halo_failures.VALUE_UNREADABLE,
    }
)
"""Failures that answer a question: the upstream does not take it. All others end the probe."""

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, AttributeError)
"""What an answer raises that is not the FHIR it claims to be."""


def refused(asked: Asked, failure: Failure) -> Page | None:
    """The page of a refused question; None for a failure that is no answer."""
    return Page(asked, refused=True) if failure.kind in REFUSALS else None


def page(asked: Asked, response: FhirResponse) -> Page:
    """The matches of a search, or the one resource that came. Raises what `UNREADABLE` lists."""
    body = msgspec.json.decode(response.body, type=dict[str, Any])
    if body.get("resourceType") != "Bundle":
        return Page(asked, (body,))
    entries = [each for each in body.get("entry", []) if isinstance(each.get("resource"), dict)]
    found = (each["resource"] for each in entries)
    resources = tuple(each for each in found if each.get("resourceType") == asked.path and each.get("id"))
    warned = any(each["resource"].get("resourceType") == "OperationOutcome" for each in entries)
    return Page(asked, resources, warned=warned, echoed=_echoed(body))


def _echoed(bundle: dict[str, Any]) -> Pairs | None:
    urls = [each.get("url", "") for each in bundle.get("link", []) if each.get("relation") == "self"]
    if not urls:
        return None
    return tuple((each.name, each.value) for each in search(urlsplit(urls[0]).query).parameters)


@dataclass(frozen=True)
class Known:
    """Answers by the id of their question, with the site's zone and the time of asking."""

    zone: ZoneInfo
    now: datetime
    pages: Mapping[str, Page] = field(default_factory=dict)

    def told(self, question: str, page: Page) -> Self:
        """The same with one more answer."""
        return replace(self, pages={**self.pages, question: page})

    def verdict(self, question: str) -> Verdict:
        """The verdict on a question; `unasked` when it was not asked."""
        page = self.pages.get(question)
        return page.verdict if page else "unasked"

    def sample(self, kind: str) -> tuple[Resource, ...]:
        """The records of a type that were fetched to ask about."""
        page = self.sampled(kind)
        return page.resources if page else ()

    def sampled(self, kind: str) -> Page | None:
        """The page on which they came."""
        pages = (self.pages.get(f"{kind}.{part}") for part in ("plain", "sample"))
        return next((page for page in pages if page), None)

    @property
    def capabilities(self) -> Resource:
        """The site's CapabilityStatement, or nothing."""
        page = self.pages.get("metadata")
        return page.resources[0] if page and page.resources else {}

    @property
    def declared(self) -> tuple[Resource, ...]:
        """What the CapabilityStatement says of each resource type."""
        rest = self.capabilities.get("rest")
        stated = [each for each in rest if isinstance(each, Mapping)] if isinstance(rest, list) else []
        return tuple(
            kind for each in stated for kind in each.get("resource", ()) if isinstance(kind, Mapping)
        )
