"""Raw servers in the place of gateways behind the kit's nginx, and what nginx itself responds."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
from support.nginx_kit import CONFIG, Nginx, free_port, run_nginx

from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM


@dataclass
class RawGateway:
    """A server that keeps the request lines it got, and responds or closes the connection."""

    responds: bool
    received: list[str] = field(default_factory=list)
    address: str = ""

    @contextmanager
    def run(self) -> Iterator["RawGateway"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
            thread = Thread(target=self._serve, args=(listener,))
            thread.start()
            yield self
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = connection.recv(65_536).decode()
                if head:
                    self.received.append(head.partition(" HTTP/")[0])
                    _receive_body(connection, head)
                    if self.responds:
                        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def _receive_body(connection: socket.socket, head: str) -> None:
    """Read what Content-Length announces, so that closing the connection discards no response."""
    length = next(iter(re.findall(r"(?i)content-length: (\d+)", head)), "0")
    missing = int(length) - len(head.partition("\r\n\r\n")[2])
    while missing > 0 and (data := connection.recv(65_536)):
        missing -= len(data)


@contextmanager
def nginx_and_raw_gateways(
    folder: Path, *responds: bool | None, kit: str = CONFIG
) -> Iterator[tuple[Nginx, list[RawGateway]]]:
    """nginx before gateways that respond, close each connection, or (None) do not exist."""
    with ExitStack() as stack:
        gateways = [RawGateway(bool(each)) for each in responds]
        for gateway, exists in zip(gateways, responds, strict=True):
            if exists is None:
                gateway.address = f"127.0.0.1:{free_port()}"
            else:
                stack.enter_context(gateway.run())
        nginx = stack.enter_context(run_nginx(folder, [gateway.address for gateway in gateways], kit=kit))
        yield nginx, gateways


def send(nginx: Nginx, method: str, path: str = "/", **options: object) -> httpx.Response:
    """Send a request to nginx with options of httpx."""
    return httpx.request(method, f"{nginx.url}{path}", trust_env=False, timeout=30, **options)  # type: ignore[arg-type]


def outcome_code(response: httpx.Response) -> str:
    """Code of the OperationOutcome that nginx itself sent."""
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    (issue,) = response.json()["issue"]
    (coding,) = issue["details"]["coding"]
    assert coding["system"] == ERROR_CODE_SYSTEM
    return str(coding["code"])
