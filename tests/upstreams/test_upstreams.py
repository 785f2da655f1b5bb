"""Registry of upstreams, and an upstream added by one `Dialect`."""

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.upstreams import DIALECTS, mountable_dialects
from gateway.upstreams.dialect import CredentialScheme, Dialect

INVENTED = Dialect("invented", (), credentials=CredentialScheme(challenge='Bearer realm="invented"'))
PLAIN = Dialect("plain", (), is_fhir=False)
pytestmark = pytest.mark.anyio


@pytest.fixture(params=[INVENTED, PLAIN], ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Dialect:
    """A dialect that is in the registry only."""
    invented: Dialect = request.param
    monkeypatch.setitem(DIALECTS, invented.name, invented)
    return invented


def upstream(request: httpx.Request) -> httpx.Response:
    if "authorization" not in request.headers:
        return httpx.Response(401)
    return httpx.Response(200, json={"resourceType": "Patient", "id": "1"})


def client(dialect: Dialect) -> httpx.AsyncClient:
    mount = {"url": "http://upstream.example", "dialect": dialect.name, "path": "/mr"}
    app = create_app(
        Settings.model_validate({"upstreams": {"mr": mount}}), transport=httpx.MockTransport(upstream)
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example")


async def test_invented_dialect_serves_200_with_credentials(dialect: Dialect) -> None:
    async with client(dialect) as gateway:
        response = await gateway.get("/mr/Patient/1", headers={"authorization": "Bearer synthetic"})
    assert (response.status_code, response.json()["id"]) == (200, "1")


async def test_invented_dialect_rejects_missing_credentials_with_401(dialect: Dialect) -> None:
    async with client(dialect) as gateway:
        response = await gateway.get("/mr/Patient/1")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == dialect.credentials.challenge


async def test_invented_dialect_rejects_two_tokens_with_400(dialect: Dialect) -> None:
    async with client(dialect) as gateway:
        fields = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
        response = await gateway.get("/mr/Patient/1", headers=fields)
    assert response.status_code == 400


async def test_front_page_names_invented_dialect(dialect: Dialect) -> None:
    async with client(dialect) as gateway:
        response = await gateway.get("/", headers={"accept": "text/html"})
    assert response.status_code == 200
    assert f"{dialect.name}" in response.text


def test_settings_accept_mountable_dialects_only() -> None:
    assert {"halo-connect", "halo-itsm", "health-gorilla"} <= set(mountable_dialects())
    for name in ("halo-sql", "invented"):
        mount = {"url": "http://upstream.example", "dialect": name, "path": "/mr"}
        with pytest.raises(ValueError, match=", ".join(mountable_dialects())):
            Settings.model_validate({"upstreams": {"mr": mount}})
