"""A gateway in front of HaloITSM's emulator, and what `docs/halo-itsm.md` says about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from conftest import ROOT, settings_for

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

PAGE = (ROOT / "docs" / "halo-itsm.md").read_text(encoding="utf-8")
#: Kind of an error -> its status at a FHIR client, and the gateway's code for it.
OUTCOMES = {
    kind: (int(status), code)
    for kind, status, code in re.findall(
        r"^\| `([a-z-]+)` \| \d{3} [^|]+ \| (\d{3}) `([a-z0-9-]+)` \|", PAGE, re.MULTILINE
    )
}
TOKEN_FORM = {
    "grant_type": "client_credentials",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "scope": "all",
}
JSON = {"accept": "application/json"}
FHIR = {"accept": "application/fhir+json"}


def itsm_settings(emulator: str, **mount: Any) -> Settings:
    """Settings with HaloITSM mounted at /itsm. No request is repeated."""
    defaults = settings_for(emulator).model_dump()
    defaults["retry"]["max_wait_seconds"] = 10
    itsm = {"url": emulator, "dialect": "halo-itsm", "path": "/itsm"} | mount
    return Settings.model_validate(defaults | {"upstreams": {"itsm": itsm}})


@dataclass(frozen=True)
class ItsmGateway:
    """The emulator, the gateway's mount, and a client with a token that it got through the gateway."""

    emulator: RunningEmulator
    url: str
    client: httpx.Client

    def send(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        """Response of the gateway."""
        return self.client.request(method, f"{self.url}{path}", **options)

    def send_directly(self, path: str, **options: Any) -> httpx.Response:
        """Response of the emulator to the same client."""
        return self.client.get(f"{self.emulator.url}{path}", **options)

    def inject(self, kind: str, **rule: Any) -> None:
        self.emulator.control("POST", "faults", {"kind": kind, **rule})

    def sent(self) -> list[dict[str, Any]]:
        """Requests that reached the emulator, without those for a token."""
        requests: list[dict[str, Any]] = self.emulator.control("GET", "requests")
        return [request for request in requests if request["path"] != "/auth/token"]


@contextmanager
def run_itsm_gateway(emulator: RunningEmulator, settings: Settings) -> Iterator[ItsmGateway]:
    """Run a gateway in front of the emulator as new. It ends without waiting for its requests."""
    emulator.control("POST", "reset")
    server = ThreadedServer(create_app(settings)).__enter__()
    try:
        with httpx.Client(timeout=60, trust_env=False) as client:
            url = f"{server.url}/itsm"
            token = client.post(f"{url}/auth/token", params={"tenant": "demo"}, data=TOKEN_FORM).json()
            client.headers["authorization"] = f"{token['token_type']} {token['access_token']}"
            yield ItsmGateway(emulator, url, client)
    finally:
        server.should_exit = True
