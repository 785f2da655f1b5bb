"""Many requests of a stranger over one connection, and a gateway that an operator can read."""

import http.client
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from conftest import KEY, Pair, settings_for
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

TOKEN = SECRET
HONEST = KEY
OTHER_HONEST = {"Ocp-Apim-Subscription-Key": "other-key"}


def path_at(guid: str, path: str = "Patient/1") -> str:
    return f"/integrator/sites/{guid}/fhir/R4/{path}"


PATH = path_at(SYDNEY)


def made_up_key(number: int) -> dict[str, str]:
    return {"Ocp-Apim-Subscription-Key": f"made-up-{number}"}


def made_up_guid(number: int) -> str:
    return f"{number:08x}-dead-4000-8000-00000000beef"


@dataclass(frozen=True)
class Gateway:
    """A gateway in front of the emulator, with its admin endpoints."""

    pair: Pair
    url: str

    def get(self, path: str = PATH, headers: Mapping[str, str] = HONEST, **more: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return httpx.get(self.url + path, headers={**headers, **named}, timeout=30, trust_env=False)

    def flood(self, requests: Iterable[tuple[str, Mapping[str, str]]]) -> list[int]:
        """Send GET requests (path, headers), one after the other; return their statuses."""
        parts, statuses = urlsplit(self.url), []
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        for path, headers in requests:
            connection.request("GET", path, headers=dict(headers))
            with connection.getresponse() as response:
                response.read()
                statuses.append(response.status)
        connection.close()
        return statuses

    def ledger(self) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(f"{self.url}/admin/ledger", headers=headers, trust_env=False).json()

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics", timeout=30, trust_env=False).text


def changed_settings(pair: Pair, **sections: Any) -> Settings:
    """Settings of the tests with an admin token and some sections replaced."""
    defaults = settings_for(pair.emulator.url).model_dump()
    return Settings.model_validate(defaults | {"admin": {"token": TOKEN}} | sections)


@contextmanager
def run_gateway(pair: Pair, settings: Settings) -> Iterator[Gateway]:
    """Run a gateway. It ends without waiting for its requests."""
    server = ThreadedServer(create_app(settings)).__enter__()
    try:
        yield Gateway(pair, server.url)
    finally:
        server.should_exit = True
