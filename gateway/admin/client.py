"""HTTP client of the command line for the admin endpoints of a running gateway."""

import json
import re
from contextlib import suppress
from typing import Any

import httpx

from gateway.admin.advice_text import format_advice
from gateway.admin.date_facts import proof_text
from gateway.admin.missed_replicas import advice_after, missed_replicas
from gateway.settings import Settings

_TIMEOUT_SECONDS = 30.0
_DEFAULT_URL = "http://127.0.0.1:8080"
#: User and password of a URL.
_USER_INFO = re.compile(r"//.*@", re.DOTALL)


class AdminClient:
    """Client of the gateway at a URL; `token` is the value of its setting admin.token."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._shown_url = _USER_INFO.sub("//", self._url)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._transport = transport

    def purge(self, site: str, type_: str = "", patient: str = "") -> str:
        """Purge cached responses and return a message. Raises ValueError that says what to do."""
        scope = {"site": site, "type": type_, "patient": patient}
        result = self._request_json(
            "POST", "/admin/purge", {name: value for name, value in scope.items() if value}
        )
        message = f"{_PURGE_MESSAGES[result['purged']].format(type=type_)} at site {result['site']}"
        return _with_reach(message, result)

    def format_sites(self, site: str = "", *, as_json: bool = False) -> str:
        """Format the status of all practices, or of one. Raises ValueError that says what to do."""
        result = self._request_json(
            "GET", "/admin/sites" + (f"?{httpx.QueryParams(site=site)}" if site else "")
        )
        return json.dumps(result, indent=2) if as_json else _format_table(result["sites"])

    def format_known_issues(self, site: str) -> str:
        """Format the states of the known issues at a practice. Raises ValueError that says what to do."""
        (status,) = self._request_json("GET", f"/admin/sites?{httpx.QueryParams(site=site)}")["sites"]
        return _format_known_issues(status["site"], status["knownIssues"])

    def format_advice(self, *, as_json: bool = False) -> str:
        """Format what apps could ask more cheaply. Raises ValueError that says what to do."""
        result = self._request_json("GET", "/admin/advice")
        return json.dumps(result, indent=2) if as_json else format_advice(result)

    def reset_site(self, site: str, pause: str = "") -> str:
        """Reset a circuit and pauses, and return a message. Raises ValueError that says what to do."""
        path = f"/admin/sites/{self._guid_of(site)}/reset" if site else "/admin/pauses/clear"
        result = self._request_json("POST", path, {"pause": pause} if pause else {})
        lines = "\n".join(f"reset: {name}" for name in result["reset"])
        text = _with_reach(lines or "nothing to reset", result)
        if pause and not lines:
            raise ValueError("no pause of this name is in effect: GET /admin/pauses lists all pauses")
        return text

    def _guid_of(self, site: str) -> str:
        """Return the GUID of a practice, which fits into a path; an alias may contain any mark."""
        (status,) = self._request_json("GET", f"/admin/sites?{httpx.QueryParams(site=site)}")["sites"]
        return str(status["site"])

    def _request_json(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, transport=self._transport) as client:
                response = client.request(method, self._url + path, json=content, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = "" if isinstance(error, httpx.InvalidURL) else str(error)  # it may show a password
            raise ValueError(f"no response from {self._shown_url}: {text or type(error).__name__}") from None
        if response.is_success or _is_partial(response):
            return response.json()
        raise ValueError(_STATUS_MESSAGES.get(response.status_code) or _error_text(response))


def admin_client(settings: Settings, url: str = "") -> AdminClient:
    """Client of the gateway at a URL; default: `admin.listen`, else port 8080 of this machine."""
    token, listen = settings.admin.token, settings.admin.listen
    return AdminClient(
        url or (f"http://{listen}" if listen else _DEFAULT_URL), token.get_secret_value() if token else ""
    )


_PURGE_MESSAGES = {
    "site": "cached responses were purged",
    "type": "cached responses of type {type} were purged",
    "patient": "cached responses that may concern this patient were purged",
}
_STATUS_MESSAGES = {
    401: "the gateway rejected the admin token: set admin.token or HALO_GATEWAY_ADMIN__TOKEN to the gateway's"
    " value",
    404: "the gateway has no admin endpoint at this URL: set admin.token in its configuration, or set --url"
    " to the address of admin.listen",
}


def _is_partial(response: httpx.Response) -> bool:
    """Whether a change was made, but has not reached all replicas."""
    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return False
    with suppress(ValueError):
        fields = response.json()
        return isinstance(fields, dict) and "notReached" in fields
    return False


def _with_reach(message: str, result: dict[str, Any]) -> str:
    """Return a message with the number of replicas. Raises ValueError that names those not reached.

    The number is for the operator to compare: who never reached the shared store is unknown to the others.
    """
    reached, missed = result.get("reached", []), missed_replicas(result)
    if not missed:
        return f"{message}, at {_known_replicas(len(reached))}" if reached else message
    head = f"{message}, but not at all replicas. Reached: {', '.join(reached) or 'none'}. Not reached:"
    raise ValueError("\n".join([head, *(f"  {line}" for line in missed), advice_after(result)]))


def _known_replicas(count: int) -> str:
    return (
        f"all {count} replicas that use the shared store" if count > 1 else "one replica: it knows no other"
    )


def _error_text(response: httpx.Response) -> str:
    try:
        (issue, *_) = response.json()["issue"]
        return str(issue["details"]["text"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway responded with status {response.status_code}"


_ROW_FORMAT = "{:<36} {:<16} {:<9} {:>7} {:<24} {:>6} {:>9} {:>7} {:>7}  {}"
_TABLE_HEADINGS = (
    *("SITE", "NAME", "STATE", "SECONDS", "REASON", "PAUSES", "RETRIES", "RUNNING", "WAITING"),
    "DATES VERIFIED BY",
)


def _format_table(sites: list[dict[str, Any]]) -> str:
    return "\n".join(_ROW_FORMAT.format(*row).rstrip() for row in (_TABLE_HEADINGS, *map(_site_row, sites)))


def _format_known_issues(site: str, known_issues: dict[str, Any]) -> str:
    engine = known_issues["engine"] or "unknown: the gateway has not seen a CapabilityStatement yet"
    rows = ((issue["issue"], _state_text(issue), issue["source"] or "-") for issue in known_issues["issues"])
    lines = ("{:<24} {:<32} {}".format(*row) for row in (("ID", "STATE", "SHOWN BY"), *rows))
    return "\n".join([f"{site}, engine {engine}", *lines])


def _state_text(issue: dict[str, Any]) -> str:
    return f"{issue['state']} since {issue['since']}" if issue["since"] else str(issue["state"])


def _site_row(site: dict[str, Any]) -> tuple[object, ...]:
    retries = site["retries"]
    return (
        *(site[name] for name in ("site", "name", "state", "secondsLeft")),
        site["reason"] or "-",
        len(site["pauses"]),
        f"{retries['spent']}/{retries['spent'] + retries['left']}",
        site["running"],
        site["waiting"],
        proof_text(site.get("dates")),
    )
