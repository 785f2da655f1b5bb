"""Program that calls a gateway with the library halopsa, in an environment of its own; it prints JSON.

The library builds its URLs from the tenant's name and cannot be told another. The session below sends them to
the gateway's mount instead, as a proxy in front of the gateway would. Arguments: URL of the mount.
"""

import json
import sys
from typing import Any

import requests
from HaloPSA import Halo

TENANT = "practice"


class MountSession(requests.Session):
    """A session that sends requests for the tenant's host to the gateway's mount, without proxies."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request below the mount."""
        origin = f"https://{TENANT}.haloitsm.com"
        assert url.startswith(origin)
        return super().request(method, sys.argv[1] + url.removeprefix(origin), **options)


requests.Session = MountSession  # type: ignore[misc] # what the library makes


def error_text(call: Any, **arguments: Any) -> str:
    """Type and text of the exception that a call raises."""
    try:
        call(**arguments)
    except Exception as error:  # noqa: BLE001 - the library raises Exception
        return f"{type(error).__name__}: {error}"
    return "no error"


def connect(secret: str) -> Any:
    """Request a token and return the library's client."""
    return Halo(tenant=TENANT, clientid="demo-client", secret=secret, tenant_type="itsm")


def results() -> dict[str, Any]:
    """What the library returns or raises for each kind of call."""
    halo = connect("demo-secret")
    pages = [halo.Tickets.search(pageinate=True, page_no=number, page_size=50) for number in (1, 2, 3)]
    created = halo.Tickets.update(summary="Zzyzx", status=500, message="Internal Server Error")
    return {
        "ids": [ticket["id"] for page in pages for ticket in page["tickets"]],
        "record_counts": [page["record_count"] for page in pages],
        "agent": halo.Agents.get(id=1)["id"],
        "created": created,
        "read": halo.Tickets.get(id=created["id"]),
        "found": halo.Users.search(search="jane doe@example.com")["record_count"],
        "like_error": halo.Tickets.get(id=1)["status"],
        "deleted": error_text(halo.Tickets.get, id=999),
        "wrong_format": error_text(halo.Tickets.update, client_id="one"),
        "wrong_secret": error_text(lambda: connect("wrong")),
    }


json.dump(results(), sys.stdout)
