"""The least that a server in Python does per request: `python bare_protocol.py PORT FILE`.

A protocol on uvloop with one look-up and one write: no log, no counting. It bounds what is possible.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop


class BareProtocol(asyncio.Protocol):
    """Sends the same bytes to each received segment."""

    answers: dict[bytes, bytes]
    answer: bytes
    body: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Look the segment up, and write its answer."""
        head = self.answers.get(data)
        if head is None:
            head = self.answers[data] = self.answer
        self._transport.write(b"".join((head, self.body)))


async def serve(port: int, body: bytes) -> None:
    """Serve until the process is terminated."""
    lines = b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: %d\r\n\r\n"
    attributes = {"answers": {}, "answer": lines % len(body), "body": body}
    protocol = type("Protocol", (BareProtocol,), attributes)
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
