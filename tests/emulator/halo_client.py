"""Client of a running emulator."""

from typing import Any

import httpx

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import SYDNEY

KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}


class HaloClient:
    """Sends requests to a running emulator. A path without a leading slash is below a site's FHIR base."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(base_url=emulator.url, headers=KEY, timeout=10)

    def send(self, path: str, site: str = SYDNEY, method: str = "GET", **options: Any) -> httpx.Response:
        url = path if path.startswith(("/", "http")) else f"{self.base(site)}/{path}"
        return self.http.request(method, url, **options)

    def json(self, path: str, site: str = SYDNEY) -> Any:
        response = self.send(path, site)
        assert response.status_code == 200, response.text
        return response.json()

    def ids(self, path: str, site: str = SYDNEY) -> list[str]:
        return [resource["id"] for resource in matches(self.json(path, site))]

    def truth(self, resource_type: str, site: str = SYDNEY) -> dict[str, dict[str, Any]]:
        rows = self.emulator.control("GET", f"truth/{site}/{resource_type}")
        return {row["resource"]["id"]: row["resource"] for row in rows if row["active"]}

    def patch_settings(self, **settings: Any) -> None:
        self.emulator.control("PATCH", "settings", settings)

    def set_variants(self, **variants: Any) -> None:
        self.patch_settings(variants=variants)

    def disable(self, *faults: str) -> None:
        self.patch_settings(faults=dict.fromkeys(faults, False))

    def inject(self, kind: str, **rule: Any) -> None:
        self.emulator.control("POST", "faults", {"kind": kind, **rule})

    @staticmethod
    def base(site: str) -> str:
        return f"/integrator/sites/{site}/fhir/R4"


def matches(bundle: dict[str, Any], mode: str = "match") -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def link_url(bundle: dict[str, Any], relation: str) -> str:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")
