import asyncio
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.server.admin_port import bind, serve_admin_port


async def here(_: object) -> PlainTextResponse:
    return PlainTextResponse("here")


APP = Starlette(routes=[Route("/", here)])


async def reached(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).text


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0"])
def test_it_serves_in_the_loop_it_is_in_until_the_context_ends(listen: str) -> None:
    async def scene() -> None:
        with capture_logs() as lines:
            async with serve_admin_port(APP, bind(listen)) as url:
                assert await reached(url) == "here"
        assert [(each["event"], each["url"]) for each in lines] == [("admin-listening", url)]
        with pytest.raises(httpx.ConnectError):
            await reached(url)

    asyncio.run(scene())


def test_it_ends_when_what_it_stands_beside_fails() -> None:
    async def scene() -> None:
        with pytest.raises(ValueError, match="elsewhere"):
            async with serve_admin_port(APP, bind("127.0.0.1:0")):
                raise ValueError("elsewhere")

    with capture_logs():
        asyncio.run(scene())


def test_a_port_that_is_taken_or_nowhere_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            OSError, match=f"admin.listen: nobody can listen on {listen}: Address already in use"
        ):
            bind(listen)
    with pytest.raises(OSError, match=r"nobody can listen on 192\.0\.2\.1:1: "):
        bind("192.0.2.1:1")
