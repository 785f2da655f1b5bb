"""Connection pool behind an outbound proxy, and in front of a server with a private certificate."""

import asyncio
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.outbound import Authority, Proxy, Server, authority, run_server, wait_for_close

from gateway.errors import catalog
from gateway.upstreams.direct_transport import DirectTransport
from gateway.upstreams.tls import ssl_context, system_context
from gateway.upstreams.transport import PooledTransport

pytestmark = pytest.mark.anyio

PASSWORD = "synthetic%21pass"  # noqa: S105 - made up
#: Credentials user:synthetic!pass
BASIC = b"Proxy-Authorization: Basic dXNlcjpzeW50aGV0aWMhcGFzcw=="
LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#: Variables in which other clients look for a proxy.
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


_is_aiohttp = False


@pytest.fixture(autouse=True, params=[False, True], ids=["direct", "aiohttp"])
def choose_transport(request: pytest.FixtureRequest) -> None:
    """Run every test with each transport; behind a proxy, there is only one."""
    global _is_aiohttp  # noqa: PLW0603 - the parameter of the whole module
    _is_aiohttp = request.param


@pytest.fixture(scope="module")
def private_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(private_authority: Authority) -> Iterator[tuple[Server, str]]:
    server = Server()
    with run_server(server, private_authority.server()) as port:
        yield server, f"https://localhost:{port}/x?a=%7c"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def send(
    url: str, *, proxy: str = "", ca_file: Path | None = None, times: int = 1, limit: float = 20
) -> list[str]:
    """Status and body of each response, or the exception and its text."""
    pool, results = _pool(proxy, ca_file, limit), list[str]()
    for _ in range(times):
        try:
            response = await pool.handle_async_request(httpx.Request("PUT", url))
            results.append(f"{response.status_code} {(await response.aread()).decode()}")
        except httpx.TransportError as error:
            results.append(f"{type(error).__name__} {error}")
    await pool.aclose()
    await wait_for_close()
    return results


def _pool(proxy: str, ca_file: Path | None, timeout: float) -> DirectTransport | PooledTransport:
    limits = httpx.Limits(max_connections=2, keepalive_expiry=20)
    transport = partial(PooledTransport, proxy=proxy) if proxy or _is_aiohttp else DirectTransport
    return transport(
        limits=limits, timeout=httpx.Timeout(timeout), max_body=1_000, total_timeout=30, ca_file=ca_file
    )


async def test_private_authority_is_trusted_with_those_of_the_system(
    tls_server: tuple[Server, str], private_authority: Authority
) -> None:
    assert await send(tls_server[1], ca_file=private_authority.ca_file) == ["200 ok"]
    system, both = (
        ssl_context(None).cert_store_stats(),
        ssl_context(private_authority.ca_file).cert_store_stats(),
    )
    assert both["x509"] == system["x509"] + 1


async def test_request_is_not_sent_to_untrusted_certificate(tls_server: tuple[Server, str]) -> None:
    assert await send(tls_server[1]) == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code} unknown-issuer"]
    assert tls_server[0].heads == []


def test_missing_certificate_file_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _pool("", tmp_path / "absent.pem", 1)


async def test_environment_variables_change_neither_proxy_nor_trust(
    tls_server: tuple[Server, str],
    private_authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    system_context.cache_clear()
    assert await send(tls_server[1], ca_file=private_authority.ca_file) == ["200 ok"]
    server = Server()
    with run_server(server) as port:
        assert await send(f"http://127.0.0.1:{port}/x") == ["200 ok"]
    monkeypatch.setenv("SSL_CERT_FILE", str(private_authority.ca_file))
    system_context.cache_clear()
    assert await send(tls_server[1]) == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code} unknown-issuer"]


async def test_tunnel_is_opened_once_with_proxy_password(
    tls_server: tuple[Server, str], private_authority: Authority
) -> None:
    proxy = Proxy()
    with run_server(proxy) as port:
        url = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        assert (
            await send(tls_server[1], proxy=url, ca_file=private_authority.ca_file, times=3) == ["200 ok"] * 3
        )
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {httpx.URL(tls_server[1]).netloc.decode()} HTTP/1.1\r\n".encode())
    assert BASIC in head
    assert len(tls_server[0].heads) == 3
    assert all(head.startswith(b"PUT /x?a=%7c HTTP/1.1\r\n") for head in tls_server[0].heads)
    assert not any(b"proxy" in head.lower() or b"synthetic" in head for head in tls_server[0].heads)


async def test_http_upstream_is_reached_through_the_proxy() -> None:
    server, proxy = Server(), Proxy()
    with run_server(server) as port, run_server(proxy) as proxy_port:
        url = f"http://127.0.0.1:{port}/a%2Fb?d=ge2020|1+2"
        assert await send(url, proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy_port}") == ["200 ok"]
    assert proxy.heads[0].startswith(f"PUT {url} HTTP/1.1\r\n".encode())
    assert BASIC in proxy.heads[0]


async def test_untrusted_certificate_behind_proxy_is_an_upstream_failure(
    tls_server: tuple[Server, str],
) -> None:
    with run_server(Proxy()) as port:
        results = await send(tls_server[1], proxy=f"http://127.0.0.1:{port}")
    assert results == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code} unknown-issuer"]


REFUSED, UNAVAILABLE = catalog.PROXY_REFUSED.code, catalog.PROXY_UNAVAILABLE.code


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (LOGIN, f"{REFUSED} 407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", f"{REFUSED} 403"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login\r\nContent-Length: 0\r\n\r\n", f"{REFUSED} 302"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", f"{UNAVAILABLE} 503"),
        (b"no HTTP at all\r\n\r\n", f"{UNAVAILABLE} not-http"),
        (b"HTTP/1.1 ", f"{UNAVAILABLE} closed"),
    ],
    ids=["407", "403", "302", "503", "no HTTP", "cut"],
)
async def test_proxy_without_tunnel_is_a_proxy_error(
    refusal: bytes, text: str, tls_server: tuple[Server, str], private_authority: Authority
) -> None:
    with run_server(Proxy(refusal)) as port:
        results = await send(
            tls_server[1], proxy=f"http://user:{PASSWORD}@127.0.0.1:{port}", ca_file=private_authority.ca_file
        )
    assert results == [f"ProxyError {text}"]
    assert tls_server[0].heads == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "ECONNREFUSED"), ("proxy.invalid", "name-not-resolved")]
)
async def test_unreachable_proxy_is_a_proxy_error(scheme: str, host: str, reason: str) -> None:
    results = await send(f"{scheme}://127.0.0.1:{closed_port()}/x", proxy=f"http://{host}:{closed_port()}")
    assert results == [f"ProxyError {UNAVAILABLE} {reason}"]


async def test_slow_proxy_is_a_proxy_error() -> None:
    async def never_respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with run_server(never_respond) as port:
        url = f"https://127.0.0.1:{closed_port()}/x"
        results = await send(url, proxy=f"http://127.0.0.1:{port}", limit=1)
    assert results == [f"ProxyError {UNAVAILABLE} no-response"]


async def test_407_of_proxy_for_http_upstream_is_a_refusal() -> None:
    with run_server(Proxy(LOGIN)) as port:
        results = await send("http://127.0.0.1:1/x", proxy=f"http://127.0.0.1:{port}")
    assert results == [f"ProxyError {REFUSED} 407"]


async def test_407_of_upstream_in_tunnel_is_its_response(private_authority: Authority) -> None:
    url = "http://127.0.0.1"
    with run_server(Server(LOGIN), private_authority.server()) as port, run_server(Proxy()) as proxy_port:
        results = await send(
            f"https://localhost:{port}/x", proxy=f"{url}:{proxy_port}", ca_file=private_authority.ca_file
        )
    assert results == ["407 "]
