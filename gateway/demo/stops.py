"""The stops of the tour: per known issue one question, and what a FHIR client makes of the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, OperationOutcome
from requests import RequestException

#: What the client saw, in words, and whether that is as FHIR R4 has it.
Seen = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Stop:
    """One known issue: what is asked, how the client looks at it, and what the emulator is set to for it."""

    issue: str
    asks: str
    look: Callable[[SyncFHIRClient], Seen]
    settings: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] = field(default_factory=dict)


def _one_month(client: SyncFHIRClient) -> Seen:
    found = client.resources("Appointment").search(date="2026-04").limit(5).fetch_raw()
    return f"{found['total']} appointments", found["total"] > 0


def _every_page(client: SyncFHIRClient) -> Seen:
    """Walk all pages: each must bring the patients of its appointments."""
    pages, without, path = 0, 0, "Appointment"
    params: dict[str, Any] | None = {
        "_include": ["Appointment:patient"],
        "_count": [40],
        "date": ["ge2026-04-01"],
    }
    while path:
        page = client.execute(path, "get", params=params)
        included = any(entry["resource"]["resourceType"] == "Patient" for entry in page["entry"])
        pages, without, params = pages + 1, without + (not included), None
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return f"{pages} pages, {without} of them without their patients", not without


def _next_link(client: SyncFHIRClient) -> Seen:
    found = client.resources("Patient").limit(5).fetch_raw()
    urls = [link["url"] for link in found["link"]] + [entry["fullUrl"] for entry in found["entry"]]
    hosts = sorted({urlsplit(url).netloc for url in urls})
    return f"links and fullUrl on {', '.join(hosts)}", hosts == [urlsplit(client.url).netloc]


def _stamps(client: SyncFHIRClient) -> Seen:
    types = ("Patient", "Appointment", "Immunization", "Condition", "Observation")
    found = [client.resources(each).limit(1).fetch_raw()["entry"][0]["resource"] for each in types]
    zones = {_zone(resource["meta"]["lastUpdated"]) for resource in found}
    return f"lastUpdated in {', '.join(sorted(zones))}", zones == {"Z"}


def _zone(stamp: str) -> str:
    time = stamp.partition("T")[2]
    return next((time[time.index(sign) :] for sign in "+-Z" if sign in time), "no zone")


def _refusal(client: SyncFHIRClient) -> Seen:
    try:
        client.resources("Patient").fetch_raw()
    except OperationOutcome as refused:
        return _said(refused), "details" in refused.resource["issue"][0]
    return "no error at all", False


def _said(refused: OperationOutcome) -> str:
    """What a program can read of a refusal; fhirpy wraps a body that is no OperationOutcome as diagnostics."""
    issue = refused.resource["issue"][0]
    if "details" not in issue:
        return f"not FHIR: {issue.get('diagnostics', '')[:70]}"
    return f"{issue['code']}: {issue['details'].get('text', '')[:70]}"


def seen(stop: Stop, client: SyncFHIRClient) -> Seen:
    """What the client saw at a stop; a client that cannot go on is an answer too."""
    try:
        return stop.look(client)
    except OperationOutcome as refused:
        return f"refused: {_said(refused)}", False
    except (BaseFHIRError, RequestException, KeyError) as problem:
        return f"the client gave up: {type(problem).__name__}", False


STOPS = (
    Stop("search-date-format", "Appointment?date=2026-04", _one_month),
    Stop(
        "link-include-params",
        "all pages of Appointment?_include=Appointment:patient",
        _every_page,
        settings={"faults": {"link-base-url": False}},
    ),
    Stop("link-base-url", "Patient?_count=5", _next_link),
    Stop("last-updated-offset", "one resource of five types", _stamps),
    Stop("error-envelope", "Patient while the practice is offline", _refusal, fault={"kind": "offline"}),
)
