"""Network path to an upstream over real sockets: private authority, TLS server and outbound proxy."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Authority:
    """Files of a private authority: its certificate, and certificate and key of a server on this machine."""

    ca_file: Path
    server_file: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        return context


def authority(
    folder: Path, *, host: str = "localhost", days: int = 1, self_signed: bool = False
) -> Authority:
    """Create a private authority, and a certificate for a host that is valid for some days."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Synthetic Authority", ca_key, "Synthetic Authority", ca_key)
    issuer, issuer_key = (host, key) if self_signed else ("Synthetic Authority", ca_key)
    server = _certificate(issuer, issuer_key, host, key, days)
    files = Authority(folder / "ca.pem", folder / "server.pem")
    files.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files.server_file.write_bytes(private + server.public_bytes(serialization.Encoding.PEM))
    return files


def _certificate(
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    days: int = 1,
) -> x509.Certificate:
    is_ca, now = issuer_key is key, datetime.now(UTC)
    names = [x509.DNSName(subject if "." in subject else "localhost")]
    names += [x509.IPAddress(IPv4Address("127.0.0.1"))] if subject == "localhost" else []
    usage = x509.KeyUsage(not is_ca, False, False, False, False, is_ca, is_ca, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


@dataclass
class Server:
    """Sends the same response to every request, and records the request heads."""

    response: bytes = OK
    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.heads.append(head)
            writer.write(self.response)
            await writer.drain()


@dataclass
class Proxy:
    """Outbound proxy that opens tunnels and forwards plain requests, or sends `refusal` to all of them."""

    refusal: bytes = b""
    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.refusal:
            writer.write(self.refusal)
            await writer.drain()
            return
        method, target, _ = head.split(b" ", 2)
        host, _, port = target.removeprefix(b"http://").partition(b"/")[0].decode().rpartition(":")
        upstream_reader, upstream = await asyncio.open_connection(host, int(port))
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream.write(head)
        try:
            await asyncio.gather(_copy(reader, upstream), _copy(upstream_reader, writer))
        finally:
            upstream.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def wait_for_close() -> None:
    """Wait for connections to close; with TLS that takes several iterations of the event loop."""
    for _ in range(5):
        await asyncio.sleep(0.01)


@contextmanager
def run_server(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server in its own thread; yield its port."""
    is_ready, ports = Event(), list[int]()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        ports.append(server.sockets[0].getsockname()[1])
        is_ready.set()
        await end.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await wait_for_close()

    thread = Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert is_ready.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()
