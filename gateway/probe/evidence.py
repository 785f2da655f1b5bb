"""Requests and responses of a probe, and the verdicts that follow."""

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
from gateway.sites.issue_states import Observation
from gateway.upstreams import failures, halo_failures
from gateway.upstreams.kinds_by_interaction import kinds_of

Pairs = tuple[tuple[str, str], ...]
Resource = Mapping[str, Any]
Verdict = Literal["yes", "no", "refused", "unclear", "unasked"]


@dataclass(frozen=True)
class ProbeRequest:
    """One request: path below the FHIR base, search parameters, id of the record that it is about."""

    path: str
    pairs: Pairs = ()
    record_id: str = ""


@dataclass(frozen=True, eq=False)
class ProbeResponse:
    """The matches of a response, or that the upstream refused the request.

    `has_warning`: the upstream added an OperationOutcome. `self_link_parameters`: None without `link[self]`.
    `links`: relations and URLs. `observations`: what the witnesses of the known issues say.
    """

    request: ProbeRequest
    resources: tuple[Resource, ...] = ()
    is_refused: bool = False
    has_warning: bool = False
    self_link_parameters: Pairs | None = None
    links: Pairs = ()
    has_etag: bool = False
    observations: tuple[Observation, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the record matched (without a record id: any record); `unclear` if others matched, too."""
        if self.is_refused:
            return "refused"
        ids = [str(resource.get("id", "")) for resource in self.resources]
        if not ids:
            return "no"
        return "yes" if not self.request.record_id or ids == [self.request.record_id] else "unclear"

    @property
    def has_complete_self_link(self) -> bool | None:
        """Whether `link[self]` repeats every parameter sent; None without that link."""
        return (
            None
            if self.self_link_parameters is None
            else set(self.request.pairs) <= set(self.self_link_parameters)
        )


#: Failures that answer a question: the upstream does not support the request. All others end the probe.
REFUSAL_KINDS: Final[frozenset[FailureKind]] = frozenset(
    {
        halo_failures.REQUEST_INCOMPLETE,
        halo_failures.REQUEST_REFUSED,
        failures.BAD_REQUEST,
        halo_failures.INTERACTION_UNSUPPORTED,
        *kinds_of(failures.NOT_FOUND),
        failures.PARAMETER_INVALID,
        failures.PARAMETER_UNKNOWN,
        halo_failures.QUERY_FAILED,
        halo_failures.VALUE_UNREADABLE,
    }
)

#: Errors of `parse_response` for a response that is not valid FHIR.
UNREADABLE_ERRORS: Final = (msgspec.MsgspecError, ValueError, TypeError, AttributeError)


def refused_response(request: ProbeRequest, failure: Failure) -> ProbeResponse | None:
    """Return the response for a request that the upstream refused; None for any other failure."""
    return ProbeResponse(request, is_refused=True) if failure.kind in REFUSAL_KINDS else None


def parse_response(request: ProbeRequest, response: FhirResponse) -> ProbeResponse:
    """Parse the matches of a search, or a single resource. Raises `UNREADABLE_ERRORS`."""
    body = msgspec.json.decode(response.body, type=dict[str, Any])
    if body.get("resourceType") != "Bundle":
        return ProbeResponse(request, (body,), has_etag=bool(response.header("etag")))
    entries = [
        entry["resource"] for entry in body.get("entry", []) if isinstance(entry.get("resource"), dict)
    ]
    return ProbeResponse(
        request,
        tuple(match for match in entries if match.get("resourceType") == request.path and match.get("id")),
        has_warning=any(entry.get("resourceType") == "OperationOutcome" for entry in entries),
        self_link_parameters=_self_link_parameters(body),
        links=tuple(
            (str(link.get("relation", "")), str(link.get("url", ""))) for link in body.get("link", [])
        ),
        has_etag=bool(response.header("etag")),
    )


def _self_link_parameters(bundle: dict[str, Any]) -> Pairs | None:
    urls = [link.get("url", "") for link in bundle.get("link", []) if link.get("relation") == "self"]
    return link_parameters(urls[0]) if urls else None


def link_parameters(url: str) -> Pairs:
    """Return the parameters of a link, decoded."""
    return tuple(
        (parameter.name, parameter.value) for parameter in parse_search(urlsplit(url).query).parameters
    )


@dataclass(frozen=True)
class Evidence:
    """Responses by the id of their question, with the site's time zone and the time of the probe."""

    zone: ZoneInfo
    now: datetime
    responses: Mapping[str, ProbeResponse] = field(default_factory=dict)

    def with_response(self, question_id: str, response: ProbeResponse) -> Self:
        """Return a copy with one more response."""
        return replace(self, responses={**self.responses, question_id: response})

    def verdict(self, question_id: str) -> Verdict:
        """Return the verdict on a question; `unasked` without a response."""
        response = self.responses.get(question_id)
        return response.verdict if response else "unasked"

    def sample_records(self, resource_type: str) -> tuple[Resource, ...]:
        """Return the records of a type that the questions are about."""
        response = self.sample_response(resource_type)
        return response.resources if response else ()

    def sample_response(self, resource_type: str) -> ProbeResponse | None:
        """Return the response with these records."""
        responses = (self.responses.get(f"{resource_type}.{part}") for part in ("plain", "sample"))
        return next(filter(None, responses), None)

    @property
    def capability_statement(self) -> Resource:
        """CapabilityStatement of the site; empty if unknown."""
        response = self.responses.get("metadata")
        return response.resources[0] if response and response.resources else {}

    @property
    def declared_resources(self) -> tuple[Resource, ...]:
        """`rest.resource` of the CapabilityStatement."""
        rest = self.capability_statement.get("rest")
        modes = [mode for mode in rest if isinstance(mode, Mapping)] if isinstance(rest, list) else []
        return tuple(
            resource
            for mode in modes
            for resource in mode.get("resource", ())
            if isinstance(resource, Mapping)
        )
