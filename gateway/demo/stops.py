"""The stops of the tour: per known issue one question, and what a FHIR client makes of the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, OperationOutcome
from requests import RequestException

from gateway.emulator.sites import PERTH, SYDNEY

#: What the client saw, in words, and whether that is as FHIR R4 has it.
StopResult = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Stop:
    """One known issue: what is asked, how the client looks at it, and what the emulator is set to for it.

    `site`: a practice that fails rests for a while: that is not the one to try afterwards.
    """

    issue: str
    request: str
    check: Callable[[SyncFHIRClient], StopResult]
    settings: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] = field(default_factory=dict)
    site: str = SYDNEY


def _search_one_month(client: SyncFHIRClient) -> StopResult:
    found = client.resources("Appointment").search(date="2026-04").limit(5).fetch_raw()
    return f"{found['total']} appointments", found["total"] > 0


def _walk_all_pages(client: SyncFHIRClient) -> StopResult:
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


def _check_link_hosts(client: SyncFHIRClient) -> StopResult:
    found = client.resources("Patient").limit(5).fetch_raw()
    urls = [link["url"] for link in found["link"]] + [entry["fullUrl"] for entry in found["entry"]]
    hosts = sorted({urlsplit(url).netloc for url in urls})
    return f"links and fullUrl on {', '.join(hosts)}", hosts == [urlsplit(client.url).netloc]


def _check_last_updated(client: SyncFHIRClient) -> StopResult:
    types = ("Patient", "Appointment", "Immunization", "Condition", "Observation")
    found = [client.resources(each).limit(1).fetch_raw()["entry"][0]["resource"] for each in types]
    zones = {_zone_suffix(resource["meta"]["lastUpdated"]) for resource in found}
    return f"lastUpdated in {', '.join(sorted(zones))}", zones == {"Z"}


def _zone_suffix(stamp: str) -> str:
    time = stamp.partition("T")[2]
    return next((time[time.index(sign) :] for sign in "+-Z" if sign in time), "no zone")


def _check_reference_host(client: SyncFHIRClient) -> StopResult:
    reference = client.execute("Patient/1", "get")["managingOrganization"]["reference"]
    host = urlsplit(reference).netloc
    return f"Patient.managingOrganization on {host}", host == urlsplit(client.url).netloc


def _search_inactive(client: SyncFHIRClient) -> StopResult:
    """An empty answer would mean that nobody is inactive, which this source cannot know."""
    try:
        found = client.resources("Patient").search(active="false").fetch_raw()
    except OperationOutcome as refused:
        return _error_text(refused), refused.resource["issue"][0]["code"] == "not-supported"
    return f"{found['total']} inactive patients, without a word", False


def _check_capability_statement(client: SyncFHIRClient) -> StopResult:
    found = client.execute("metadata", "get")
    faults = [name for name, wrong in _STATEMENT_FAULTS.items() if wrong(found)]
    return f"CapabilityStatement: {', '.join(faults) or 'as R4 wants it'}", not faults


_STATEMENT_FAULTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "no date": lambda found: "date" not in found,
    "an empty patchFormat": lambda found: "" in found.get("patchFormat", ()),
    "no search": lambda found: "search-type" not in str(found["rest"]),
}


def _check_error_format(client: SyncFHIRClient) -> StopResult:
    try:
        client.resources("Patient").fetch_raw()
    except OperationOutcome as refused:
        return _error_text(refused), "details" in refused.resource["issue"][0]
    return "no error at all", False


def _error_text(error: OperationOutcome) -> str:
    """What a program can read of a refusal; fhirpy wraps what is no OperationOutcome as diagnostics."""
    issue = error.resource["issue"][0]
    if "details" not in issue:
        return f"not FHIR: {_shorten_text(issue.get('diagnostics', ''))}"
    return f"{issue['code']}: {_shorten_text(issue['details'].get('text', ''))}"


def _shorten_text(text: str) -> str:
    return shorten(text, 90, placeholder=" …")


def check_stop(stop: Stop, client: SyncFHIRClient) -> StopResult:
    """What the client saw at a stop; a client that cannot go on is an answer too."""
    try:
        return stop.check(client)
    except OperationOutcome as refused:
        return f"refused: {_error_text(refused)}", False
    except (BaseFHIRError, RequestException, KeyError) as problem:
        return f"the client gave up: {type(problem).__name__}", False


STOPS = (
    Stop("search-date-format", "Appointment?date=2026-04", _search_one_month),
    Stop(
        "link-include-params",
        "all pages of Appointment?_include=Appointment:patient",
        _walk_all_pages,
        settings={"faults": {"link-base-url": False}},
    ),
    Stop("link-base-url", "Patient?_count=5", _check_link_hosts),
    Stop("reference-base-url", "Patient/1", _check_reference_host),
    Stop("last-updated-offset", "one resource of five types", _check_last_updated),
    Stop("inactive-records", "Patient?active=false", _search_inactive),
    Stop("capability-statement", "metadata", _check_capability_statement),
    Stop(
        "error-envelope",
        "Patient while the practice is offline",
        _check_error_format,
        fault={"kind": "offline"},
        site=PERTH,
    ),
)
