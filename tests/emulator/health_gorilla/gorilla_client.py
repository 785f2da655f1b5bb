"""Client of the emulator of Health Gorilla, and a judge of each resource that it sends."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from fhir.resources import R4B, STU3

from gateway.emulator.health_gorilla.data import resource_id
from gateway.emulator.health_gorilla.settings import HealthGorillaSettings
from gateway.emulator.serve import RunningEmulator

TOKEN = {"Authorization": "Bearer demo-token"}
ASYNC = {"Prefer": "respond-async"}
FHIR_JSON = {"Content-Type": "application/fhir+json"}
SECRET = HealthGorillaSettings().clients["demo-client"].secret
PATIENT = resource_id("Patient", 1)
R4, STU3_BASE = "/fhir/R4", "/fhir"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True)
class GorillaClient:
    """A client with the demo token; it judges each resource by fhir.resources."""

    emulator: RunningEmulator
    http: httpx.Client

    def ask(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """A request to a path of the emulator, or to a URL."""
        parts["headers"] = TOKEN | parts.get("headers", {})
        url = url if url.startswith("http") else self.emulator.url + url
        response = self.http.request(method, url, **parts)
        if response.content and "fhir+json" in response.headers.get("content-type", ""):
            judge(response.json(), is_stu3=not response.request.url.path.startswith("/fhir/R4"))
        return response

    def get(self, url: str, **headers: str) -> httpx.Response:
        return self.ask("GET", url, headers=headers)

    def post(self, path: str, resource: object, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, json=resource, headers=FHIR_JSON | named)

    def settings(self, **changes: object) -> None:
        self.emulator.control("PATCH", "settings", changes)

    def fault(self, **rule: object) -> None:
        self.emulator.control("POST", "faults", rule)

    def sent(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.emulator.control("GET", "requests")
        return found


def judge(resource: dict[str, Any], *, is_stu3: bool = False) -> None:
    """Raise pydantic's ValidationError if a resource does not conform to its version."""
    models: Any = STU3 if is_stu3 else R4B
    models.get_fhir_model_class(resource["resourceType"]).model_validate_json(msgspec.json.encode(resource))


def assertion(audience: str, secret: str = SECRET, **claims: object) -> str:
    """A signed JWT of the demo client."""
    now = time.time()
    content = {
        "iss": "demo-client",
        "sub": "demo-user",
        "aud": audience,
        "iat": now,
        "exp": now + 60,
    } | claims
    parts = [msgspec.json.encode({"alg": "HS256", "typ": "JWT"}), msgspec.json.encode(content)]
    head = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    digest = hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{urlsafe_b64encode(digest).decode().rstrip('=')}"


def new_patient(family: str = "Newby", **elements: object) -> dict[str, object]:
    """A patient whom the data set does not have."""
    name = [{"family": family, "given": ["Una"]}]
    return {"resourceType": "Patient", "name": name, "gender": "female", "birthDate": "1980-01-02"} | elements


def new_order(**elements: object) -> dict[str, object]:
    """An order of a laboratory test with all that is required."""
    base = "https://api.healthgorilla.com/fhir/StructureDefinition"
    return {
        "resourceType": "RequestGroup",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "author": {"reference": f"Practitioner/{resource_id('Practitioner', 1)}"},
        "extension": [
            {"url": f"{base}/hg-order-performer", "valueReference": {"display": "Synthetic Laboratory"}}
        ],
    } | elements
