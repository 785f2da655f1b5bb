"""Admin port in the event loop of another server."""

import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.server.admin_port import bind, serve_admin_port
from gateway.settings import Server


async def respond(_: object) -> PlainTextResponse:
    return PlainTextResponse("admin")


APP = Starlette(routes=[Route("/", respond)])


async def get_text(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).text


@pytest.mark.anyio
@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0"])
async def test_admin_port_serves_until_context_ends(address: str) -> None:
    with capture_logs() as lines:
        async with serve_admin_port(APP, bind(address), Server()) as url:
            assert await get_text(url) == "admin"
    assert [(line["event"], line["url"]) for line in lines] == [("admin-listening", url)]
    with pytest.raises(httpx.ConnectError):
        await get_text(url)


@pytest.mark.anyio
async def test_admin_port_closes_after_error_in_context() -> None:
    with capture_logs(), pytest.raises(ValueError, match="elsewhere"):
        async with serve_admin_port(APP, bind("127.0.0.1:0"), Server()):
            raise ValueError("elsewhere")


@pytest.mark.anyio
async def test_admin_port_has_the_limits_of_the_server() -> None:
    with capture_logs():
        async with (
            serve_admin_port(APP, bind("127.0.0.1:0"), Server(max_headers=2_000)) as url,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            response = await client.get(url, headers={"x-a": "a" * 3_000})
    assert response.status_code == 431


def test_unavailable_address_is_named_in_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(
            OSError, match=f"admin.listen: cannot listen on {address}: Address already in use"
        ):
            bind(address)
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:1: "):
        bind("192.0.2.1:1")
