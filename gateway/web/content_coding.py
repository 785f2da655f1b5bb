"""Content codings of request bodies: gzip is unpacked, any other is refused (RFC 9110 section 8.4).

A body that no part of the gateway reads keeps its coding: the upstream unpacks it.
"""

import zlib
from collections.abc import Iterator

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import catalog
from gateway.errors.failure import Failure

#: Maximum size of an unpacked piece, in bytes: limits count a body while it is read.
_PIECE_BYTES = 64_000
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_UNSUPPORTED_TEXT = (
    "The coding in Content-Encoding is not supported. The request was not sent. Send the body as it is, or"
    " with Content-Encoding: gzip."
)
_UNREADABLE_TEXT = (
    "The body is not what Content-Encoding says: a whole gzip file of one member. The request was not sent."
    " Send it again, or without Content-Encoding."
)


class RequestDecompression:
    """ASGI middleware after which a request body has no content coding, except below `unread_paths`."""

    def __init__(self, app: ASGIApp, unread_paths: tuple[str, ...] = ()) -> None:
        self._app = app
        self._unread_paths = unread_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application. Its `receive` raises Failure 400 or 415 if it cannot unpack the body."""
        fields = scope["headers"] if scope["type"] == "http" else ()
        is_plain = all(name != b"content-encoding" for name, _ in fields)
        if is_plain or scope["path"].startswith(self._unread_paths):
            await self._app(scope, receive, send)
            return
        codings = content_codings(Request(scope))
        plain = {**scope, "headers": [field for field in fields if field[0] != b"content-encoding"]}
        await self._app(plain, _unpacked_receive(receive, codings) if codings else receive, send)


def content_codings(request: Request) -> tuple[str, ...]:
    """Names of the codings of a body in the order of their application, in lower case, without `identity`."""
    names = (
        name.strip().lower() for name in ",".join(request.headers.getlist("content-encoding")).split(",")
    )
    return tuple(name for name in names if name not in {"", "identity"})


class GzipPieces:
    """Unpacked pieces of a gzip file of one member (RFC 1952), at most 64,000 bytes each."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the file hold. Raises Failure 400, also for bytes after its end."""
        piece = bytes(_PIECE_BYTES)
        while data or len(piece) == _PIECE_BYTES:  # zlib may keep the end of a full piece
            piece = self._unpack_piece(data)
            data = self._member.unconsumed_tail
            yield piece

    def require_end(self) -> None:
        """Raise Failure 400 in the middle of a file."""
        if not self._member.eof:
            raise _unreadable()

    def _unpack_piece(self, data: bytes) -> bytes:
        try:
            piece = self._member.decompress(data, _PIECE_BYTES)
        except zlib.error:
            raise _unreadable() from None
        if self._member.unused_data:
            raise _unreadable()
        return piece


def _unpacked_receive(receive: Receive, codings: tuple[str, ...]) -> Receive:
    """Return a `receive` whose messages have an unpacked piece each."""
    messages = GzipMessages(receive)
    return messages.receive if len(codings) == 1 and codings[0] in _GZIP_NAMES else _refuse


class GzipMessages:
    """ASGI messages of a gzip body, unpacked."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._file = GzipPieces()
        self._pieces: Iterator[bytes] = iter(())
        self._is_last = False

    async def receive(self) -> Message:
        """Return the next unpacked piece. Raises Failure 400 for a body that is no whole gzip file."""
        piece = next(self._pieces, None)
        while piece is None and not self._is_last:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._is_last = not message.get("more_body")
            self._pieces = self._file.unpack(message.get("body", b""))
            piece = next(self._pieces, None)
        if piece is None:
            self._file.require_end()
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}


async def _refuse() -> Message:
    raise Failure(
        catalog.MEDIA_TYPE_UNSUPPORTED,
        text=_UNSUPPORTED_TEXT,
        expression="http.Content-Encoding",
        headers=(("accept-encoding", "gzip"),),
    )


def _unreadable() -> Failure:
    return Failure(catalog.BODY_UNREADABLE, text=_UNREADABLE_TEXT, expression="http.Content-Encoding")
