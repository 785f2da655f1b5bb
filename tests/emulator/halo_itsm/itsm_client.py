"""Client of a running emulator of HaloITSM."""

from typing import Any

import httpx

from gateway.emulator.serve import RunningEmulator

FORM = {
    "grant_type": "client_credentials",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
    "scope": "all",
}
OTHER_CLIENT = {"client_id": "other-client", "client_secret": "other-secret"}


class ItsmClient:
    """Sends requests with a token of an API client to a running emulator."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(base_url=emulator.url, timeout=10)
        self.use_token()

    def use_token(self, **fields: str) -> None:
        """Request a token and send it from now on."""
        response = self.http.post("/auth/token", params={"tenant": "demo"}, data=FORM | fields)
        self.http.headers["authorization"] = f"Bearer {response.json()['access_token']}"

    def send(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        return self.http.request(method, path, **options)

    def json(self, path: str) -> Any:
        response = self.send(path)
        assert response.status_code == 200, response.text
        return response.json()

    def save(self, path: str, *records: dict[str, Any]) -> httpx.Response:
        return self.send(path, "POST", json=records)

    def inject(self, kind: str, **rule: Any) -> None:
        self.emulator.control("POST", "faults", {"kind": kind, **rule})

    def patch_settings(self, **settings: Any) -> None:
        self.emulator.control("PATCH", "settings", settings)
