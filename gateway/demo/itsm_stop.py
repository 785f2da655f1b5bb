"""Stop of the tour for HaloITSM: business data and errors behind a mount of the gateway."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click
import httpx

from gateway.emulator.halo_itsm.errors import ERRORS
from gateway.emulator.serve import RunningEmulator

MOUNT: Final = "/itsm"
#: Text that describes a response, and whether it is right.
CheckResult = tuple[str, bool]
_TIMEOUT_SECONDS: Final = 30
_TOKEN_FORM: Final = {
    "grant_type": "client_credentials",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "scope": "all",
}
_JSON: Final = {"accept": "application/json"}
_FHIR: Final = {"accept": "application/fhir+json"}


class Check(NamedTuple):
    """A request, the error that the emulator sends to it if any, and the check of the gateway's response."""

    title: str
    headers: dict[str, str]
    check: Callable[[httpx.Response], CheckResult]
    fault: str = ""


def check_ticket(response: httpx.Response) -> CheckResult:
    """Check that a ticket passes with its fields `status` and `message`."""
    ticket = response.json() if response.is_success else {}
    text = f"{response.status_code}, status {ticket.get('status')}, message {ticket.get('message')!r}"
    return text, response.is_success and {"status", "message"} <= ticket.keys()


def check_unchanged_error(response: httpx.Response) -> CheckResult:
    """Check that a JSON client gets HaloITSM's status and body."""
    error = ERRORS["duplicate"]
    is_same = (response.status_code, response.content) == (error.status, error.body)
    return f"{response.status_code} {response.text[:90]}", is_same


def check_outcome(response: httpx.Response) -> CheckResult:
    """Check that a FHIR client gets an OperationOutcome."""
    if not response.headers.get("content-type", "").startswith("application/fhir+json"):
        return f"{response.status_code}, not FHIR", False
    (issue,) = response.json()["issue"]
    return f"{response.status_code} {issue['code']}: {issue['details']['text']}", issue["code"] == "duplicate"


def check_retry_after(response: httpx.Response) -> CheckResult:
    """Check that a client learns when to try again, which HaloITSM does not say."""
    error, seconds = ERRORS["rate-reached"], response.headers.get("retry-after")
    is_same = (response.status_code, response.content) == (error.status, error.body)
    text = f"{response.status_code} {response.text[:90]}, Retry-After: {seconds}"
    return text, is_same and seconds is not None


CHECKS = (
    Check("a ticket with fields of an error", _JSON, check_ticket),
    Check("an error for a JSON client", _JSON, check_unchanged_error, "duplicate"),
    Check("the same for a FHIR client", _FHIR, check_outcome, "duplicate"),
    Check("too many requests", _JSON, check_retry_after, "rate-reached"),
)


def itsm_mount(upstream: str) -> dict[str, Any]:
    """Return the settings of the mount for an emulator's URL."""
    return {"url": upstream, "dialect": "halo-itsm", "path": MOUNT}


def run_itsm_stop(emulator: RunningEmulator, gateway: str) -> bool:
    """Print a line for each check of the gateway's responses; whether all were right."""
    emulator.control("POST", "reset")
    click.echo(f"\nhalo-itsm: {emulator.url} mounted at {gateway}{MOUNT}")
    with httpx.Client(base_url=gateway + MOUNT, timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        token = client.post("/auth/token", data=_TOKEN_FORM).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        results = [_run_check(check, emulator, client) for check in CHECKS]
    emulator.control("POST", "reset")
    return all(results)


def _run_check(check: Check, emulator: RunningEmulator, client: httpx.Client) -> bool:
    if check.fault:
        emulator.control("POST", "faults", {"kind": check.fault, "times": 1})
    text, is_right = check.check(client.get("/api/tickets/1", headers=check.headers))
    click.echo(f"  {'ok ' if is_right else 'BAD'} {check.title}: {text}")
    return is_right
