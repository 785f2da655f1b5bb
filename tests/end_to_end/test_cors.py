"""CORS through the whole gateway: which answers a page of another origin may read, and preflights."""

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from conftest import KEY, ROOT, Pair, settings_for
from support.mounted_upstream import Answer, FakeUpstream
from support.redis_server import redis_server
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

A, B, UNLISTED = "https://a.example", "https://b.example", "https://c.example"
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
UPSTREAM_FIELDS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "X-Secret",
}
ADMIN = {"authorization": f"Bearer {SECRET}"}
FHIR = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "id": "1"}


@dataclass
class World:
    """A gateway, and the upstream of all its mounts."""

    upstream: FakeUpstream
    url: str

    def ask(self, method: str, path: str, origin: str = A, **parts: object) -> httpx.Response:
        headers = {"origin": origin} | dict(parts.pop("headers", KEY))  # type: ignore[call-overload]
        return httpx.request(
            method,
            self.url + path,
            headers=headers,
            timeout=30,
            trust_env=False,
            **parts,  # type: ignore[arg-type]
        )

    def preflight(self, path: str, origin: str = A, **parts: object) -> httpx.Response:
        return self.ask(
            "OPTIONS",
            path,
            headers={"origin": origin, "access-control-request-method": "PUT"},
            **parts,
        )


@contextmanager
def world(*origins: str, **sections: object) -> Iterator[World]:
    with FakeUpstream() as upstream:
        upstream.answer = lambda _: Answer(headers=UPSTREAM_FIELDS)
        values = settings_for(upstream.url).model_dump(mode="json") | {
            "upstreams": {
                "labs": {"url": upstream.url, "dialect": "health-gorilla", "path": "/labs"},
                "itsm": {"url": upstream.url, "dialect": "halo-itsm", "path": "/itsm"},
                "stage": {"url": upstream.url, "dialect": "halo-connect", "path": "/stage"},
            },
            "webhooks": {"secrets": [SECRET]},
            "admin": {"token": SECRET},
            "cors": {"origins": origins},
        }
        with ThreadedServer(create_app(Settings.model_validate(values | sections))) as server:
            yield World(upstream, server.url)


@pytest.fixture(scope="module")
def listing() -> Iterator[World]:
    """A gateway that lists A and B."""
    with world(A, B) as found:
        yield found


@pytest.fixture
def gateway(listing: World) -> World:
    listing.upstream.sent.clear()
    listing.upstream.answer = lambda _: Answer(headers=UPSTREAM_FIELDS)
    return listing


def allowed(response: httpx.Response) -> str:
    return response.headers.get("access-control-allow-origin", "")


def varies(response: httpx.Response) -> bool:
    return "origin" in [name.strip() for name in response.headers.get("vary", "").split(",")]


UNKNOWN_SITE = "/integrator/sites/0a1b2c3d-0000-4000-8000-00000000000f/fhir/R4/Patient/1"
PREFLIGHTS = {
    f"{BASE}/Patient": "GET, HEAD, PATCH, POST, PUT",
    f"{BASE}/Patient/1": "DELETE, GET, HEAD, PATCH, PUT",
    f"{BASE}/Patient/_search": "POST",
    f"{BASE}/Patient/1/$summary": "GET, HEAD, POST",
    f"{BASE}/CodeSystem/gateway-error": "GET, HEAD",
    BASE: "POST",
    "/fhir/R4/Patient/1/_history": "GET, HEAD",
    f"/desktop/sites/{SYDNEY}/fhir/R4/Patient/1": "DELETE, GET, HEAD, PATCH, PUT",
    f"/stage{BASE}/Patient/1": "DELETE, GET, HEAD, PATCH, PUT",
    UNKNOWN_SITE: "DELETE, GET, HEAD, PATCH, PUT",
    "/labs/Patient/1": "DELETE, GET, HEAD, PATCH, PUT",
    "/labs": "GET, HEAD, POST",
    "/labs/RequestResult/1": "DELETE, GET, HEAD",
    "/labs/oauth/token": "DELETE, GET, HEAD, PATCH, POST, PUT",
    "/labs/~/files/1": "DELETE, GET, HEAD, PATCH, POST, PUT",
    "/openapi.yaml": "GET, HEAD",
    f"{BASE}/Nothing/1": "",
    "/nowhere": "",
}


@pytest.mark.parametrize("path", PREFLIGHTS)
def test_preflight_names_what_the_path_has(gateway: World, path: str) -> None:
    response = gateway.preflight(path, content=b"x" * 100)
    assert (response.status_code, response.content, allowed(response)) == (204, b"", A)
    assert response.headers.get("access-control-allow-methods", "") == PREFLIGHTS[path]
    assert "If-Match" in response.headers["access-control-allow-headers"].split(", ")
    assert response.headers["access-control-max-age"] == "7200"
    assert varies(response)
    assert gateway.upstream.sent == []


#: Other methods than GET on the gateway's own CodeSystem concern a resource of the practice.
WITH_METHODS = [path for path in PREFLIGHTS if PREFLIGHTS[path] and not path.endswith("gateway-error")]


@pytest.mark.parametrize("path", WITH_METHODS)
def test_methods_of_the_preflight_are_those_not_refused(gateway: World, path: str) -> None:
    query = "?page=2" if path == "/labs" else ""  # reads of a base are pages of a search
    answers = {
        method: gateway.ask(method, path + query, headers=KEY | ADMIN).status_code
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    }
    permitted = ", ".join(method for method, status in answers.items() if status not in {404, 405})
    assert permitted == PREFLIGHTS[path]


def test_preflight_of_an_unlisted_origin_permits_nothing(gateway: World) -> None:
    response = gateway.preflight(f"{BASE}/Patient/1", UNLISTED)
    assert (response.status_code, varies(response)) == (204, True)
    assert [name for name in response.headers if name.startswith("access-control")] == []


def test_ordinary_options_request_stays_as_it_is(gateway: World) -> None:
    response = gateway.ask("OPTIONS", f"{BASE}/Patient/1")
    assert (response.status_code, allowed(response)) == (405, A)
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"


ANSWERS: dict[str, tuple[int, tuple[str, str], dict[str, object]]] = {
    "read": (200, ("GET", f"{BASE}/Patient/1"), {}),
    "head": (200, ("HEAD", f"{BASE}/Patient/1"), {}),
    "update": (200, ("PUT", f"{BASE}/Patient/1"), {"json": PATIENT, "headers": KEY | FHIR}),
    "mounted read": (200, ("GET", "/labs/Patient/1"), {"headers": ADMIN}),
    "mounted file": (200, ("GET", "/labs/~/files/1"), {"headers": ADMIN}),
    "second halo": (401, ("GET", f"/stage{BASE}/Patient/1"), {"headers": {}}),
    "no credential": (401, ("GET", f"{BASE}/Patient/1"), {"headers": {}}),
    "unknown type": (404, ("GET", f"{BASE}/Nothing/1"), {}),
    "unknown path": (404, ("GET", "/nowhere/at/all"), {}),
    "unknown path of a browser": (404, ("GET", "/nowhere"), {"headers": {"accept": "text/html"}}),
    "method": (405, ("DELETE", f"{BASE}/Patient"), {}),
    "criterion": (400, ("GET", f"{BASE}/Patient?_count=x"), {}),
    "format": (406, ("GET", f"{BASE}/Patient/1"), {"headers": KEY | {"accept": "application/fhir+xml"}}),
    "body": (413, ("PUT", f"{BASE}/Patient/1"), {"content": b"x" * 2_100_000, "headers": KEY | FHIR}),
    "coding": (
        *(415, ("PUT", f"{BASE}/Patient/1")),
        {"content": b"x", "headers": KEY | FHIR | {"content-encoding": "br"}},
    ),
    "long": (414, ("GET", f"{BASE}/Patient?name={'x' * 17_000}"), {}),
    "fields": (431, ("GET", f"{BASE}/Patient/1"), {"headers": {f"x-{n}": "1" for n in range(120)}}),
    "codes": (200, ("GET", f"{BASE}/CodeSystem/gateway-error"), {}),
    "documents": (200, ("GET", "/docs/errors.md"), {}),
    "health": (200, ("GET", "/livez"), {}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_names_the_origin(gateway: World, name: str) -> None:
    status, target, parts = ANSWERS[name]
    response = gateway.ask(*target, **parts)
    assert (response.status_code, allowed(response)) == (status, A)
    assert varies(response)
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Location", "Retry-After", "X-Request-Id"} <= set(exposed)
    assert "access-control-allow-credentials" not in response.headers
    assert "X-Secret" not in exposed
    other = gateway.ask(*target, UNLISTED, **parts)
    assert (other.status_code, allowed(other), varies(other)) == (status, "", True)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failure_of_the_upstream_names_the_origin(status: int) -> None:
    with world(A) as gateway:
        gateway.upstream.answer = lambda _: Answer(status, {}, {"Retry-After": "7", **UPSTREAM_FIELDS})
        response = gateway.ask("GET", f"{BASE}/Patient/1")
    assert response.status_code >= 429
    assert (allowed(response), varies(response)) == (A, True)
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "path", [f"{BASE}/metadata", "/labs/metadata", "/labs/.well-known/smart-configuration"]
)
def test_any_origin_reads_what_describes_the_server(gateway: World, path: str) -> None:
    for origin in (UNLISTED, "null", A):
        response = gateway.ask("GET", path, origin, headers=KEY | ADMIN)
        assert (allowed(response), varies(response)) == ("*", False)
        assert allowed(gateway.preflight(path, origin)) == "*"


CLOSED = {
    f"/integrator/sites/{SYDNEY}/queries/immediate": 405,
    f"/desktop/sites/{SYDNEY}/queries/immediate": 405,
    f"/stage/integrator/sites/{SYDNEY}/queries/immediate": 405,
    "/integrator/sites": 405,
    f"/integrator/sites/{SYDNEY}": 405,
    "/integrator/token": 405,
    "/itsm/api/Tickets": 405,
    "/hooks/halo": 405,
    "/admin/sites": 405,
    "/admin/%73ites": 405,
    "/admin/none": 404,
    "/metrics": 405,
}


@pytest.mark.parametrize("path", CLOSED)
def test_closed_path_is_for_no_page(gateway: World, path: str) -> None:
    preflight = gateway.preflight(path)
    assert preflight.status_code == CLOSED[path]
    method = "POST" if path.endswith(("immediate", "halo", "token")) else "GET"
    for response in (preflight, gateway.ask(method, path, headers=KEY | ADMIN, content=b"{}")):
        assert [name for name in response.headers if name.startswith("access-control")] == []
        assert not varies(response)


@pytest.mark.parametrize("path", [f"{BASE}/Patient/1", "/labs/Patient/1", "/itsm/api/Tickets"])
def test_without_cors_nothing_of_it_is_sent(path: str) -> None:
    with world() as gateway:
        response = gateway.ask("GET", path, headers=KEY | ADMIN)
        preflight = gateway.preflight(path)
    assert (response.status_code, preflight.status_code) == (200, 405)
    for each in (response, preflight):
        assert [name for name in each.headers if name.startswith("access-control")] == []
        assert not varies(each)


def test_unlisted_origin_gets_the_ordinary_answer(gateway: World) -> None:
    listed, unlisted = (gateway.ask("GET", f"{BASE}/Patient/1", origin) for origin in (A, UNLISTED))
    names = {"access-control-allow-origin", "access-control-expose-headers"}
    assert unlisted.content == listed.content
    assert set(listed.headers) - set(unlisted.headers) == names
    assert unlisted.headers["vary"] == listed.headers["vary"]


def test_answer_that_has_not_changed_names_the_origin(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url).model_dump(mode="json") | {
        "cache": {},
        "cors": {"origins": [A, B]},
    }
    with ThreadedServer(create_app(Settings.model_validate(settings))) as server:
        for origin in (A, B):
            headers = KEY | {"origin": origin}
            url = f"{server.url}{BASE}/Patient/1"
            tag = httpx.get(url, headers=headers, trust_env=False).headers["etag"]
            response = httpx.get(url, headers=headers | {"if-none-match": tag}, trust_env=False)
            assert (response.status_code, allowed(response), varies(response)) == (304, origin, True)


def test_replicas_share_answers_but_no_origin(pair: Pair) -> None:
    with redis_server() as redis:
        settings = settings_for(pair.emulator.url).model_dump(mode="json") | {
            "cache": {"redis": {"url": redis.url, "timeout": 10}, "keys": [SECRET]},
            "cors": {"origins": [A, B]},
            "server": {"public_url": "https://gw.example"},
        }
        apps = [create_app(Settings.model_validate(settings)) for _ in range(2)]
        with (
            ThreadedServer(apps[0]) as one,
            ThreadedServer(apps[1]) as two,
            httpx.Client(trust_env=False) as client,
        ):
            outcomes = []
            for number in range(24):
                origin = (A, B, UNLISTED)[number % 3]
                server = (one, two)[number // 3 % 2]
                url = f"{server.url}{BASE}/Patient/1"
                response = client.get(url, headers=KEY | {"origin": origin})
                assert (allowed(response), varies(response)) == ("" if origin == UNLISTED else origin, True)
                outcomes.append("hit" in response.headers["cache-status"])
    assert outcomes == [False, *[True] * 23]
    assert len(pair.sent()) == 1
    assert A not in json.dumps(pair.sent())


def test_set_up_of_the_documentation_permits_its_origin() -> None:
    page = (ROOT / "docs" / "browser-apps.md").read_text(encoding="utf-8")
    toml, shell = (
        re.findall(rf"^```{name}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0] for name in ("toml", "sh")
    )
    with world(*tomllib.loads(toml)["cors"]["origins"]) as gateway:
        words = shlex.split(shell.replace("$GATEWAY", f"{gateway.url}/fhir/R4").replace("\\\n", " "))
        answer = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert answer.startswith("HTTP/1.1 204 ")
    assert "access-control-allow-origin: https://app.example.com.au" in answer.splitlines()
