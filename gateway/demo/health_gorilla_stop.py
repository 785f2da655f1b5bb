"""Stop of the tour for Health Gorilla: URLs, pages, an asynchronous request, an expired link, a throttle."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx

from gateway.emulator.health_gorilla.data import resource_id
from gateway.emulator.serve import RunningEmulator

MOUNT: Final = "/labs"
#: Text that describes what happened, and whether it is right.
StepResult = tuple[str, bool]
_FHIR: Final = {"Accept": "application/fhir+json"}
_TOKEN: Final = {"Authorization": "Bearer demo-token"}
#: Another client is throttled, so that the requests of a visitor are not held back afterwards.
_THROTTLED_TOKEN: Final = "r4-token"  # noqa: S105 - synthetic
_EVERYTHING: Final = f"Patient/{resource_id('Patient', 1)}/$everything"
_MAX_PAGES: Final = 20


def mount_settings(upstream: str) -> dict[str, Any]:
    """Return the settings of the mount for an emulator's URL."""
    return {"url": f"{upstream}/fhir/R4", "dialect": "health-gorilla", "path": MOUNT}


def run_health_gorilla_stop(emulator: RunningEmulator, gateway: str) -> bool:
    """Print a line for each step through the gateway; whether all were right."""
    emulator.control("POST", "reset")
    click.echo(f"\nhealth-gorilla: {emulator.url}/fhir/R4 mounted at {gateway}{MOUNT}")
    all_right = True
    with httpx.Client(base_url=gateway + MOUNT, headers=_TOKEN, timeout=60, trust_env=False) as client:
        for name, step in STEPS.items():
            text, is_right = run_step(step, emulator, client)
            all_right &= is_right
            click.echo(f"  {'ok ' if is_right else 'BAD'} {name}: {text}")
    emulator.control("POST", "reset")
    return all_right


Step = Callable[[RunningEmulator, httpx.Client], StepResult]


def run_step(step: Step, emulator: RunningEmulator, client: httpx.Client) -> StepResult:
    """Run a step; an exception of the client is reported as a failure."""
    try:
        return step(emulator, client)
    except (httpx.HTTPError, KeyError, ValueError) as problem:
        return f"the client failed: {type(problem).__name__}", False


def _check_urls(_: RunningEmulator, client: httpx.Client) -> StepResult:
    """Check the URLs of a page of documents: of its links, entries, references and attachments."""
    bundle = client.get("/DocumentReference", params={"_count": 5}).json()
    hosts = sorted({urlsplit(url).netloc for url in urls_of(bundle)})
    return f"links, references and attachments on {', '.join(hosts)}", hosts == [
        client.base_url.netloc.decode()
    ]


def urls_of(value: Any) -> list[str]:
    """Return the URLs of a Bundle that a client would follow."""
    if isinstance(value, list):
        return [url for item in value for url in urls_of(item)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("url", "fullUrl", "reference") if isinstance(value.get(name), str)]
    return own + [url for item in value.values() for url in urls_of(item)]


def _walk_pages(_: RunningEmulator, client: httpx.Client) -> StepResult:
    """Follow the links `next` of all patients."""
    url, ids, pages = str(client.base_url) + "Patient", set(), 0
    while url and pages < _MAX_PAGES:
        bundle, pages = client.get(url).json(), pages + 1
        ids |= {entry["resource"]["id"] for entry in bundle["entry"]}
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return f"{len(ids)} of {bundle['total']} patients on {pages} pages", len(ids) == bundle["total"]


def _run_asynchronously(_: RunningEmulator, client: httpx.Client) -> StepResult:
    """Send an operation that runs only asynchronously, and poll it to its result."""
    refused = client.get(f"/{_EVERYTHING}", headers=_FHIR)
    accepted = client.get(f"/{_EVERYTHING}", headers={"Prefer": "respond-async"})
    polls = [client.get(accepted.headers["content-location"]) for _ in range(2)]
    statuses = [response.status_code for response in (refused, accepted, *polls)]
    entries = len(polls[-1].json().get("entry", ()))
    text = f"{_error_code(refused)}; with Prefer: respond-async {statuses[1:]} and {entries} resources"
    return text, statuses == [400, 202, 202, 200] and entries > 0


def _follow_expired_link(emulator: RunningEmulator, client: httpx.Client) -> StepResult:
    """Follow a temporary download link while it is valid, and another after its end."""
    download = client.get(_download_url(client))
    emulator.control("PATCH", "settings", {"link_seconds": 0})
    expired = client.get(_download_url(client), headers=_FHIR)
    emulator.control("PATCH", "settings", {"link_seconds": 3_600})
    status = emulator.control("GET", "requests")[-1]["status"]
    text = (
        f"{download.headers['content-type']} by a fresh link; by an expired one {status} upstream,"
        f" {expired.status_code} {_error_code(expired)} here"
    )
    return text, (download.status_code, status, expired.status_code) == (200, 454, 410)


def _download_url(client: httpx.Client) -> str:
    bundle = client.get("/DocumentReference", params={"_count": 1}).json()
    contents = bundle["entry"][0]["resource"]["content"]
    return next(url for url in urls_of(contents) if "/download/" in url)


def _name_throttle(emulator: RunningEmulator, client: httpx.Client) -> StepResult:
    """Exceed a limit, and read in the error which one it is."""
    fault = {"kind": "rate-limit", "key": _THROTTLED_TOKEN, "headers": {"Retry-After": "60"}}
    emulator.control("POST", "faults", fault)
    headers = {"Authorization": f"Bearer {_THROTTLED_TOKEN}"} | _FHIR
    response = client.get("/Practitioner", headers=headers)
    is_named = "requests per second" in response.text
    text = f"{response.status_code} {_error_code(response)}, {'names' if is_named else 'DOES NOT NAME'} it"
    return (
        f"{text}; Retry-After: {response.headers.get('retry-after')}",
        response.status_code == HTTPStatus.TOO_MANY_REQUESTS and is_named,
    )


def _error_code(response: httpx.Response) -> str:
    details = response.json()["issue"][0]["details"]
    code: str = details["coding"][0]["code"]
    return code


#: Name of a step -> the function that runs it.
STEPS: Final[dict[str, Step]] = {
    "URLs": _check_urls,
    "pages": _walk_pages,
    "asynchronous": _run_asynchronously,
    "download": _follow_expired_link,
    "throttle": _name_throttle,
}
