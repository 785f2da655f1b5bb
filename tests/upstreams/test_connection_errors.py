"""Connection errors over real sockets and real TLS: each kind and reason, as the transport says them."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from support.outbound import Server, authority, run_server, wait_for_close

from gateway.upstreams.connection_errors import read_error_text
from gateway.upstreams.direct_transport import DirectTransport
from gateway.upstreams.transport import PooledTransport

#: Starts a server in a folder of its own; returns its URL and the file of certificates to trust.
StartServer = Callable[[ExitStack, Path], tuple[str, Path | None]]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


async def _be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def _send_plain_text(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 No TLS here\r\nContent-Length: 0\r\n\r\n")
    await reader.read()


async def _close_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _close_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234")


def tls(trusts_authority: bool = True, **certificate: object) -> StartServer:
    def start(stack: ExitStack, folder: Path) -> tuple[str, Path | None]:
        files = authority(folder, **certificate)  # type: ignore[arg-type]
        port = stack.enter_context(run_server(Server(), files.server()))
        return f"https://localhost:{port}", files.ca_file if trusts_authority else None

    return start


def plain(serve: object = None, scheme: str = "http") -> StartServer:
    def start(stack: ExitStack, _: Path) -> tuple[str, Path | None]:
        port = stack.enter_context(run_server(serve or Server()))  # type: ignore[arg-type]
        return f"{scheme}://127.0.0.1:{port}", None

    return start


def closed_port(_: ExitStack, __: Path) -> tuple[str, Path | None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}", None


CASES: dict[str, StartServer] = {
    "ConnectError upstream-refused ECONNREFUSED": closed_port,
    "ConnectError upstream-unknown-host name-not-resolved": lambda *_: ("https://upstream.invalid", None),
    "ConnectError upstream-certificate expired": tls(days=-1),
    "ConnectError upstream-certificate wrong-host": tls(host="other.example"),
    "ConnectError upstream-certificate unknown-issuer": tls(trusts_authority=False),
    "ConnectError upstream-certificate self-signed": tls(trusts_authority=False, self_signed=True),
    "ConnectTimeout upstream-connect-timeout no-reply": plain(_be_silent, "https"),
    "ConnectError upstream-connect closed": plain(_close_at_once, "https"),
    "ConnectError upstream-tls wrong-version-number": plain(_send_plain_text, "https"),
    "ReadTimeout upstream-timeout no-response": plain(_be_silent),
    "ReadError upstream-reset closed": plain(_close_after_request),
    "ReadError upstream-reset body-incomplete": plain(_close_in_body),
}


@pytest.mark.anyio
@pytest.mark.parametrize("transport", [DirectTransport, PooledTransport])
@pytest.mark.parametrize("expected", CASES)
async def test_real_error_has_its_kind_and_reason(
    expected: str, transport: type[DirectTransport | PooledTransport], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        url, ca_file = CASES[expected](stack, tmp_path)
        pool = transport(
            limits=httpx.Limits(max_connections=2, keepalive_expiry=5),
            timeout=httpx.Timeout(0.5 if "Timeout" in expected else 20),
            max_body=1_000,
            total_timeout=30,
            ca_file=ca_file,
        )
        with pytest.raises(httpx.TransportError) as raised:
            await pool.handle_async_request(httpx.Request("GET", url))
        await pool.aclose()
        await wait_for_close()
    assert f"{type(raised.value).__name__} {raised.value}" == expected


@pytest.mark.parametrize("text", ["", "upstream-certificate", "a b c", "no Zzyzx\n", "x" * 65 + " y"])
def test_other_text_has_no_code_and_reason(text: str) -> None:
    assert read_error_text(text) == ("", "")
