import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.settings import Cors
from gateway.web.cors import CorsPolicy
from gateway.web.direct_routes import DirectApplication, fhir_path_params

BASE = "/integrator/sites/s-1/fhir/R4"


def scope_of(path: str, *headers: tuple[bytes, bytes], root_path: str = "") -> Scope:
    return {"type": "http", "path": path, "headers": list(headers), "root_path": root_path}


@pytest.mark.parametrize("api", ["integrator", "desktop"])
def test_fhir_path_of_a_practice_is_direct(api: str) -> None:
    params = fhir_path_params(scope_of(f"/{api}/sites/s-1/fhir/R4/Patient/p-1"))
    assert params == {"siteId": "s-1", "path": "Patient/p-1"}
    assert fhir_path_params(scope_of(f"/{api}/sites/s-1/fhir/R4/")) == {"siteId": "s-1", "path": ""}


@pytest.mark.parametrize(
    "path",
    [
        BASE,
        f"{BASE}/CodeSystem/gateway-error",
        f"{BASE}/Patient\n",
        "/integrator/sites/a/b/fhir/R4/Patient",
        "/integrator/sites/s-1/queries/q",
        "/mounted/integrator/sites/s-1/fhir/R4/Patient",
        "/fhir/R4/Patient",
    ],
)
def test_other_path_is_routed(path: str) -> None:
    assert fhir_path_params(scope_of(path)) is None


@pytest.mark.parametrize("name", [b"content-encoding", b"content-length", b"transfer-encoding"])
def test_request_with_a_body_passes_the_middleware(name: bytes) -> None:
    assert fhir_path_params(scope_of(f"{BASE}/Patient", (name, b"gzip"))) is None


def test_mounted_application_and_lifespan_are_routed() -> None:
    assert fhir_path_params(scope_of(f"/root{BASE}/Patient", root_path="/root")) is None
    assert fhir_path_params({"type": "lifespan"}) is None


async def respond_directly(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("direct")(scope, receive, send)


async def fail(request: Request) -> Response:
    raise RuntimeError("synthetic")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "status"), [(f"{BASE}/Patient", 200), ("/fail", 500), ("/nowhere", 404), ("/admin", 404)]
)
async def test_every_answer_has_the_fields_for_a_page(path: str, status: int) -> None:
    policy = CorsPolicy(Cors(origins=("https://a.example",)), ())
    app = DirectApplication(respond_directly, policy, routes=[Route("/fail", fail)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
        response = await client.get(path, headers={"origin": "https://a.example"})
    expected = None if path == "/admin" else "https://a.example"
    assert (response.status_code, response.headers.get("access-control-allow-origin")) == (status, expected)
