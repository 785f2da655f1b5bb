"""Operating a running gateway from the command line, through its admin endpoints."""

import json
from typing import Any

import httpx

from gateway.settings import Settings

_TIMEOUT_SECONDS = 30.0
_DEFAULT_URL = "http://127.0.0.1:8080"


class AdminClient:
    """A running gateway at a URL; `token` is that of its setting admin.token."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._transport = transport

    def purge(self, site: str, type_: str = "", patient: str = "") -> str:
        """What was purged, in words. Raises ValueError that says what to do."""
        named = {"site": site, "type": type_, "patient": patient}
        told = self._request_json(
            "POST", "/admin/purge", {name: value for name, value in named.items() if value}
        )
        return f"{_PURGE_MESSAGES[told['purged']].format(type=type_)} at {told['site']} is served any more"

    def format_sites(self, site: str = "", *, as_json: bool = False) -> str:
        """Every practice, or one, as a table or JSON. Raises ValueError that says what to do."""
        told = self._request_json(
            "GET", "/admin/sites" + (f"?{httpx.QueryParams(site=site)}" if site else "")
        )
        return json.dumps(told, indent=2) if as_json else _format_table(told["sites"])

    def reset_site(self, site: str, pause: str = "") -> str:
        """What was lifted, in words. Raises ValueError that says what to do."""
        path = f"/admin/sites/{site}/reset" if site else "/admin/pauses/clear"
        told = self._request_json("POST", path, {"pause": pause} if pause else {})
        return "\n".join(f"reset: {each}" for each in told["reset"]) or "nothing to reset"

    def _request_json(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, transport=self._transport) as client:
                answer = client.request(method, self._url + path, json=content, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise ValueError(f"no answer from {self._url}: {problem or type(problem).__name__}") from None
        if answer.is_success:
            return answer.json()
        raise ValueError(_STATUS_MESSAGES.get(answer.status_code) or _error_text(answer))


def admin_client(settings: Settings, url: str = "") -> AdminClient:
    """The gateway at a URL, or where these settings have it listen for operators, or on this machine."""
    token, listen = settings.admin.token, settings.admin.listen
    return AdminClient(
        url or (f"http://{listen}" if listen else _DEFAULT_URL), token.get_secret_value() if token else ""
    )


_PURGE_MESSAGES = {
    "site": "nothing kept",
    "type": "nothing kept about {type}",
    "patient": "nothing kept that may be about this patient",
}
_STATUS_MESSAGES = {
    401: "the gateway wants its own token: set admin.token, or HALO_GATEWAY_ADMIN__TOKEN, as it has it",
    404: "this gateway has no such endpoint for operators: set admin.token there, or use the --url of its"
    " own port for them",
}


def _error_text(response: httpx.Response) -> str:
    try:
        (issue, *_) = response.json()["issue"]
        return str(issue["details"]["text"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {response.status_code}"


_ROW_FORMAT = "{:<36} {:<16} {:<9} {:>7} {:<24} {:>6} {:>9} {:>7} {:>7}"
_TABLE_HEADINGS = ("SITE", "NAME", "STATE", "SECONDS", "REASON", "PAUSES", "RETRIES", "RUNNING", "WAITING")


def _format_table(sites: list[dict[str, Any]]) -> str:
    return "\n".join(_ROW_FORMAT.format(*line).rstrip() for line in (_TABLE_HEADINGS, *map(_site_row, sites)))


def _site_row(site: dict[str, Any]) -> tuple[object, ...]:
    retries = site["retries"]
    return (
        *(site[name] for name in ("site", "name", "state", "secondsLeft")),
        site["reason"] or "-",
        len(site["pauses"]),
        f"{retries['spent']}/{retries['spent'] + retries['left']}",
        site["running"],
        site["waiting"],
    )
