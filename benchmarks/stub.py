"""Upstream with a delay and a counter: `python stub.py PORT SECONDS [MAX_BYTES]`.

Responds to `…/TYPE/ID` with a resource and to `…/TYPE?NAME=ID` with a searchset. The size, 2 to 30 kB
or to MAX_BYTES, depends on the request target, and every resource has the requested ID. A key that begins
with `made-up` gets 401. `GET /count` returns the number of requests and is not counted.
"""

import asyncio
import json
import sys
from typing import cast
from zlib import crc32

import uvloop

MIN_BYTES, MAX_BYTES = 2_000, 30_000
_TELECOM = b'{"system":"phone","value":"07 5550 0000","use":"work"},' * (MAX_BYTES // 50)
_TELECOM_BYTES = len(_TELECOM) // (MAX_BYTES // 50)
_REFUSAL = b'{"statusCode":401,"message":"Access denied due to invalid subscription key."}'
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n"
_META = b'"meta":{"versionId":"1","lastUpdated":"2026-05-04T03:02:01Z"}'


def response_body(target: str) -> bytes:
    """Body of the response to a request target."""
    size = MIN_BYTES + crc32(target.encode()) % (Stub.max_bytes - MIN_BYTES)
    path, _, query = target.partition("?")
    if not query:
        type_, name = path.split("/")[-2:]
        return _resource(type_, name, size)
    type_, name = path.rpartition("/")[2], query.partition("=")[2].partition("&")[0]
    count = 1 + size // 2_000
    entries = b",".join(
        b'{"resource":%b,"search":{"mode":"match"}}' % _resource(type_, f"{name}-{number}", size // count)
        for number in range(count)
    )
    return b'{"resourceType":"Bundle","type":"searchset","total":%d,"entry":[%b]}' % (count, entries)


def _resource(type_: str, name: str, size: int) -> bytes:
    telecom = _TELECOM[: max(size // _TELECOM_BYTES, 1) * _TELECOM_BYTES - 1]
    fields = (type_.encode(), name.encode(), _META, telecom)
    return b'{"resourceType":"%b","id":"%b",%b,"telecom":[%b]}' % fields


class Stub(asyncio.Protocol):
    """One connection. Requests have no body and are not pipelined."""

    seconds, queries, max_bytes = 0.0, 0, MAX_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the responses."""
        self._transport = cast("asyncio.Transport", transport)
        self._read = b""

    def data_received(self, data: bytes) -> None:
        """Respond to a complete request after the delay."""
        self._read += data
        if self._read.endswith(b"\r\n\r\n"):
            request, self._read = self._read, b""
            self._respond(request.split(b" ", 2)[1].decode(), is_refused=b": made-up" in request)

    def _respond(self, target: str, *, is_refused: bool) -> None:
        if target == "/count":
            self._send(json.dumps(Stub.queries).encode())
            return
        Stub.queries += 1
        body, status = (_REFUSAL, b"401 Unauthorized") if is_refused else (response_body(target), b"200 OK")
        asyncio.get_running_loop().call_later(self.seconds, self._send, body, status)

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        self._transport.write(_HEAD % (status, len(body)) + body)


async def _serve(port: int, seconds: float) -> None:
    Stub.seconds = seconds
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    Stub.max_bytes = int(sys.argv[3]) if len(sys.argv) > 3 else MAX_BYTES
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
