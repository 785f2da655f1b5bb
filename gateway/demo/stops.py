"""Stops of the tour: one request per known issue, and a check of the response in a FHIR client."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, OperationOutcome
from httpx import HTTPError
from requests import RequestException

from gateway.demo.sql_stop import compare_content, file_document
from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.sites import PERTH, SYDNEY
from gateway.plugins.recordings import Exchange
from gateway.repairs import REPAIRS, witnesses_of
from gateway.repairs.witness import Witness, observations

#: Text that describes the response, and whether the response conforms to FHIR R4.
StopResult = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Stop:
    """A known issue: the request, the check of its response, and the emulator's settings and fault.

    A stop with a fault uses another `site`, because the fault opens the circuit of its site. `confirm` checks
    what the practice's stored procedures got, if the response is right.
    """

    issue: str
    request: str
    check: Callable[[SyncFHIRClient], StopResult]
    settings: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] = field(default_factory=dict)
    site: str = SYDNEY
    confirm: Callable[[Sequence[dict[str, Any]]], StopResult] | None = None


def _search_one_month(client: SyncFHIRClient) -> StopResult:
    bundle = client.resources("Appointment").search(date="2026-04").limit(5).fetch_raw()
    return f"{bundle['total']} appointments", bundle["total"] > 0


def _walk_all_pages(client: SyncFHIRClient) -> StopResult:
    """Fetch all pages and count those without the patients of their appointments."""
    pages, incomplete, path = 0, 0, "Appointment"
    params: dict[str, Any] | None = {
        "_include": ["Appointment:patient"],
        "_count": [40],
        "date": ["ge2026-04-01"],
    }
    while path:
        page = client.execute(path, "get", params=params)
        included = any(entry["resource"]["resourceType"] == "Patient" for entry in page["entry"])
        pages, incomplete, params = pages + 1, incomplete + (not included), None
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return f"{pages} pages, {incomplete} of them without their patients", not incomplete


def _check_link_hosts(client: SyncFHIRClient) -> StopResult:
    bundle = client.resources("Patient").limit(5).fetch_raw()
    urls = [link["url"] for link in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
    hosts = sorted({urlsplit(url).netloc for url in urls})
    return f"links and fullUrl on {', '.join(hosts)}", hosts == [urlsplit(client.url).netloc]


def _check_last_updated(client: SyncFHIRClient) -> StopResult:
    types = ("Patient", "Appointment", "Immunization", "Condition", "Observation")
    bundles = [client.resources(type_).limit(1).fetch_raw() for type_ in types]
    zones = {_zone_suffix(bundle["entry"][0]["resource"]["meta"]["lastUpdated"]) for bundle in bundles}
    return f"lastUpdated in {', '.join(sorted(zones))}", zones == {"Z"}


def _zone_suffix(stamp: str) -> str:
    time = stamp.partition("T")[2]
    return next((time[time.index(sign) :] for sign in "+-Z" if sign in time), "no zone")


def _check_reference_host(client: SyncFHIRClient) -> StopResult:
    reference = client.execute("Patient/1", "get")["managingOrganization"]["reference"]
    host = urlsplit(reference).netloc
    return f"Patient.managingOrganization on {host}", host == urlsplit(client.url).netloc


def _search_inactive(client: SyncFHIRClient) -> StopResult:
    """Search for inactive patients: an empty response would be wrong, as Halo shows active ones only."""
    try:
        bundle = client.resources("Patient").search(active="false").fetch_raw()
    except OperationOutcome as error:
        return _error_text(error), error.resource["issue"][0]["code"] == "not-supported"
    return f"{bundle['total']} inactive patients and no warning", False


def _check_capability_statement(client: SyncFHIRClient) -> StopResult:
    statement = client.execute("metadata", "get")
    faults = [name for name, has_fault in _STATEMENT_FAULTS.items() if has_fault(statement)]
    return f"CapabilityStatement: {', '.join(faults) or 'conforms to R4'}", not faults


_STATEMENT_FAULTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "no date": lambda statement: "date" not in statement,
    "an empty patchFormat": lambda statement: "" in statement.get("patchFormat", ()),
    "no search": lambda statement: "search-type" not in str(statement["rest"]),
}


def _check_error_format(client: SyncFHIRClient) -> StopResult:
    try:
        client.resources("Patient").fetch_raw()
    except OperationOutcome as error:
        return _error_text(error), "details" in error.resource["issue"][0]
    return "no error", False


def _file_document(client: SyncFHIRClient) -> StopResult:
    text, is_filed = file_document(client)
    return _shorten_text(text), is_filed


def _error_text(error: OperationOutcome) -> str:
    """Code and text of an error; fhirpy puts a body that is no OperationOutcome into `diagnostics`."""
    issue = error.resource["issue"][0]
    if "details" not in issue:
        return f"not FHIR: {_shorten_text(issue.get('diagnostics', ''))}"
    return f"{issue['code']}: {_shorten_text(issue['details'].get('text', ''))}"


def _shorten_text(text: str) -> str:
    return shorten(text, 90, placeholder=" …")


def check_stop(stop: Stop, client: SyncFHIRClient) -> StopResult:
    """Run the check of a stop; an exception of the client is reported as a failed check."""
    try:
        return stop.check(client)
    except OperationOutcome as error:
        return f"error: {_error_text(error)}", False
    except (BaseFHIRError, RequestException, HTTPError, KeyError) as problem:
        return f"the client failed: {type(problem).__name__}", False


def _witness_stop(issue: str, example: str, witness: Witness) -> Stop:
    """Stop of a repair without one of its own: the witness judges the resource that shows the fault."""

    def check(client: SyncFHIRClient) -> StopResult:
        body = dict(client.execute(example, "get"))
        exchange = Exchange(request=f"GET {example}", shows="broken", body=body)
        found = observations(exchange.as_request(), exchange.as_response(), [(issue, witness)])
        verdicts = sorted({observation.verdict for observation in found})
        return f"{example} is {', '.join(verdicts) or 'not judged'}", verdicts == ["right"]

    return Stop(issue, example, check)


_OWN_STOPS = (
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
    Stop(
        "sql-parameter-conversion",
        "a document of 3 MB by stored procedure",
        _file_document,
        confirm=compare_content,
    ),
)
_HAVE_STOPS = frozenset(stop.issue for stop in _OWN_STOPS)
STOPS = _OWN_STOPS + tuple(
    _witness_stop(issue, RESOURCE_FAULTS[issue].example, witness)
    for issue, witness in witnesses_of(REPAIRS)
    if issue not in _HAVE_STOPS and issue in RESOURCE_FAULTS
)
