"""An upstream's answer as a page of a probe."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from gateway.errors.failure import Failure, Kind
from gateway.exchange import FhirResponse
from gateway.fhir.search_params import search
from gateway.probe.known import Asked, Page, Pairs
from gateway.upstreams import failures, halo_failures, halo_refusals

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
