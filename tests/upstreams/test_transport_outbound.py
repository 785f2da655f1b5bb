"""The connection pool behind an outbound proxy, and in front of a server with a private certificate."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.outbound import Authority, Proxy, Server, authority, listening, settled

from gateway.errors import catalog
from gateway.upstreams.transport import PooledTransport, ssl_context

PASSWORD = "synthetic%21pass"  # noqa: S105 - made up
#: user:synthetic!pass
BASIC = b"Proxy-Authorization: Basic dXNlcjpzeW50aGV0aWMhcGFzcw=="
LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#: Variables that other clients take a proxy, or what they trust, from.
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(private: Authority) -> Iterator[tuple[Server, str]]:
    server = Server()
    with listening(server, private.server()) as port:
        yield server, f"https://localhost:{port}/x?a=%7c"


def closed() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(url: str, *, proxy: str = "", ca_file: Path | None = None, times: int = 1) -> list[str]:
    """Each answer's status and body, or the exception and its text."""

    async def live() -> list[str]:
        pool, found = _pool(proxy, ca_file), list[str]()
        for _ in range(times):
            try:
                answer = await pool.handle_async_request(httpx.Request("PUT", url))
                found.append(f"{answer.status_code} {(await answer.aread()).decode()}")
            except httpx.TransportError as problem:
                found.append(f"{type(problem).__name__} {problem}")
        await pool.aclose()
        await settled()
        return found

    return asyncio.run(live())


def _pool(proxy: str, ca_file: Path | None) -> PooledTransport:
    limits = httpx.Limits(max_connections=2, keepalive_expiry=5)
    timeout = httpx.Timeout(2, connect=2, pool=2)
    return PooledTransport(
        limits=limits, timeout=timeout, max_body=1_000, total_timeout=5, proxy=proxy, ca_file=ca_file
    )


def test_private_authority_is_trusted_beside_the_systems(
    secure: tuple[Server, str], private: Authority
) -> None:
    assert answers(secure[1], ca_file=private.ca_file) == ["200 ok"]
    system, both = ssl_context(None).cert_store_stats(), ssl_context(private.ca_file).cert_store_stats()
    assert both["x509"] == system["x509"] + 1


def test_untrusted_certificate_means_that_nothing_was_sent(secure: tuple[Server, str]) -> None:
    assert answers(secure[1]) == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code}"]
    assert secure[0].heads == []


def test_missing_file_of_certificates_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _pool("", tmp_path / "absent.pem")


def test_variables_change_neither_the_way_nor_the_trust(
    secure: tuple[Server, str], private: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed()}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert answers(secure[1], ca_file=private.ca_file) == ["200 ok"]
    server = Server()
    with listening(server) as port:
        assert answers(f"http://127.0.0.1:{port}/x") == ["200 ok"]
    monkeypatch.setenv("SSL_CERT_FILE", str(private.ca_file))
    assert answers(secure[1]) == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code}"]


def test_what_the_system_trusts_does_not_hang_on_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    before = ssl_context(None).cert_store_stats()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert ssl_context(None).cert_store_stats() == before


def test_tunnel_is_opened_once_with_the_password_of_the_proxy(
    secure: tuple[Server, str], private: Authority
) -> None:
    proxy = Proxy()
    with listening(proxy) as port:
        url = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        assert answers(secure[1], proxy=url, ca_file=private.ca_file, times=3) == ["200 ok"] * 3
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {httpx.URL(secure[1]).netloc.decode()} HTTP/1.1\r\n".encode())
    assert BASIC in head
    assert len(secure[0].heads) == 3
    assert all(each.startswith(b"PUT /x?a=%7c HTTP/1.1\r\n") for each in secure[0].heads)
    assert not any(b"proxy" in each.lower() or b"synthetic" in each for each in secure[0].heads)


def test_plain_upstream_is_asked_through_the_proxy() -> None:
    server, proxy = Server(), Proxy()
    with listening(server) as port, listening(proxy) as way:
        url = f"http://127.0.0.1:{port}/a%2Fb?d=ge2020|1+2"
        assert answers(url, proxy=f"http://user:{PASSWORD}@127.0.0.1:{way}") == ["200 ok"]
    assert proxy.heads[0].startswith(f"PUT {url} HTTP/1.1\r\n".encode())
    assert BASIC in proxy.heads[0]


def test_untrusted_certificate_behind_a_proxy_is_the_upstreams(secure: tuple[Server, str]) -> None:
    with listening(Proxy()) as port:
        found = answers(secure[1], proxy=f"http://127.0.0.1:{port}")
    assert found == [f"ConnectError {catalog.UPSTREAM_CERTIFICATE.code}"]


REFUSED, UNAVAILABLE = catalog.PROXY_REFUSED.code, catalog.PROXY_UNAVAILABLE.code


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (LOGIN, f"{REFUSED} 407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", f"{REFUSED} 403"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login\r\nContent-Length: 0\r\n\r\n", f"{REFUSED} 302"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", f"{UNAVAILABLE} 503"),
        (b"no HTTP at all\r\n\r\n", UNAVAILABLE),
        (b"HTTP/1.1 ", UNAVAILABLE),
    ],
    ids=["407", "403", "302", "503", "no HTTP", "cut"],
)
def test_proxy_that_opens_no_tunnel_is_named(
    refusal: bytes, said: str, secure: tuple[Server, str], private: Authority
) -> None:
    with listening(Proxy(refusal)) as port:
        found = answers(secure[1], proxy=f"http://user:{PASSWORD}@127.0.0.1:{port}", ca_file=private.ca_file)
    assert found == [f"ProxyError {said}"]
    assert secure[0].heads == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "proxy.invalid"])
def test_proxy_that_is_not_there_is_named(scheme: str, host: str) -> None:
    found = answers(f"{scheme}://127.0.0.1:{closed()}/x", proxy=f"http://{host}:{closed()}")
    assert found == [f"ProxyError {UNAVAILABLE}"]


def test_proxy_that_does_not_answer_in_time_is_named() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with listening(silent) as port:
        found = answers(f"https://127.0.0.1:{closed()}/x", proxy=f"http://127.0.0.1:{port}")
    assert found == [f"ProxyError {UNAVAILABLE}"]


def test_login_for_the_proxy_of_a_plain_upstream_is_a_refusal() -> None:
    with listening(Proxy(LOGIN)) as port:
        found = answers("http://127.0.0.1:1/x", proxy=f"http://127.0.0.1:{port}")
    assert found == [f"ProxyError {REFUSED} 407"]


def test_login_for_the_upstream_in_a_tunnel_is_its_answer(private: Authority) -> None:
    with listening(Server(LOGIN), private.server()) as port, listening(Proxy()) as way:
        found = answers(
            f"https://localhost:{port}/x", proxy=f"http://127.0.0.1:{way}", ca_file=private.ca_file
        )
    assert found == ["407 "]
