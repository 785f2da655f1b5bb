"""An upstream's answer as a page of a probe."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirResponse
from gateway.fhir.search_params import parse_search
from gateway.upstreams import failures, halo_failures
from gateway.upstreams import halo_failures as halo_refusals

Pairs = tuple[tuple[str, str], ...]
Resource = Mapping[str, Any]
Verdict = Literal["yes", "no", "refused", "unclear", "unasked"]


@dataclass(frozen=True)
class ProbeRequest:
    """One question as sent: path below the FHIR base, search parameters, the id of the record it is about."""

    path: str
    pairs: Pairs = ()
    record_id: str = ""


@dataclass(frozen=True, eq=False)
class ProbeResponse:
    """An answer: its matches, or that the question was refused.

    `warned`: the upstream added an OperationOutcome. `echoed`: the parameters of `link[self]`; None without
    that link.
    """

    request: ProbeRequest
    resources: tuple[Resource, ...] = ()
    is_refused: bool = False
    has_warning: bool = False
    self_link_parameters: Pairs | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the record (or, where none was named, any) was found; `unclear` where others were too."""
        if self.is_refused:
            return "refused"
        found = [str(resource.get("id", "")) for resource in self.resources]
        if not found:
            return "no"
        return "yes" if not self.request.record_id or found == [self.request.record_id] else "unclear"

    @property
    def has_complete_self_link(self) -> bool | None:
        """Whether `link[self]` repeats every parameter sent; None without that link."""
        return (
            None
            if self.self_link_parameters is None
            else set(self.request.pairs) <= set(self.self_link_parameters)
        )


REFUSAL_KINDS: Final[frozenset[FailureKind]] = frozenset(
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

UNREADABLE_ERRORS: Final = (msgspec.MsgspecError, ValueError, TypeError, AttributeError)
"""What an answer raises that is not the FHIR it claims to be."""


def refused_response(request: ProbeRequest, failure: Failure) -> ProbeResponse | None:
    """The page of a refused question; None for a failure that is no answer."""
    return ProbeResponse(request, is_refused=True) if failure.kind in REFUSAL_KINDS else None


def parse_response(request: ProbeRequest, response: FhirResponse) -> ProbeResponse:
    """The matches of a search, or the one resource that came. Raises what `UNREADABLE` lists."""
    body = msgspec.json.decode(response.body, type=dict[str, Any])
    if body.get("resourceType") != "Bundle":
        return ProbeResponse(request, (body,))
    entries = [each for each in body.get("entry", []) if isinstance(each.get("resource"), dict)]
    found = (each["resource"] for each in entries)
    resources = tuple(each for each in found if each.get("resourceType") == request.path and each.get("id"))
    warned = any(each["resource"].get("resourceType") == "OperationOutcome" for each in entries)
    return ProbeResponse(
        request, resources, has_warning=warned, self_link_parameters=_self_link_parameters(body)
    )


def _self_link_parameters(bundle: dict[str, Any]) -> Pairs | None:
    urls = [each.get("url", "") for each in bundle.get("link", []) if each.get("relation") == "self"]
    if not urls:
        return None
    return tuple((each.name, each.value) for each in parse_search(urlsplit(urls[0]).query).parameters)


@dataclass(frozen=True)
class Evidence:
    """Answers by the id of their question, with the site's zone and the time of asking."""

    zone: ZoneInfo
    now: datetime
    responses: Mapping[str, ProbeResponse] = field(default_factory=dict)

    def with_response(self, question_id: str, response: ProbeResponse) -> Self:
        """The same with one more answer."""
        return replace(self, responses={**self.responses, question_id: response})

    def verdict(self, question_id: str) -> Verdict:
        """The verdict on a question; `unasked` when it was not asked."""
        page = self.responses.get(question_id)
        return page.verdict if page else "unasked"

    def sample_records(self, resource_type: str) -> tuple[Resource, ...]:
        """The records of a type that were fetched to ask about."""
        page = self.sample_response(resource_type)
        return page.resources if page else ()

    def sample_response(self, resource_type: str) -> ProbeResponse | None:
        """The page on which they came."""
        pages = (self.responses.get(f"{resource_type}.{part}") for part in ("plain", "sample"))
        return next((page for page in pages if page), None)

    @property
    def capability_statement(self) -> Resource:
        """The site's CapabilityStatement, or nothing."""
        page = self.responses.get("metadata")
        return page.resources[0] if page and page.resources else {}

    @property
    def declared_resources(self) -> tuple[Resource, ...]:
        """What the CapabilityStatement says of each resource type."""
        rest = self.capability_statement.get("rest")
        stated = [each for each in rest if isinstance(each, Mapping)] if isinstance(rest, list) else []
        return tuple(
            kind for each in stated for kind in each.get("resource", ()) if isinstance(kind, Mapping)
        )
