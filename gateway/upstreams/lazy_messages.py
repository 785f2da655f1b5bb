"""httpx's request and response, whose URL, header fields and stream are made only when something reads them.

They cost a tenth of httpx's own. Between `UpstreamClient` and `DirectTransport` nothing else is read.
"""

from functools import cached_property
from typing import Any

import httpx

from gateway.exchange import Headers

#: Header fields of a response as received, names in any case.
RawFields = list[tuple[bytes, bytes]]


class _WholeBody:
    """Message whose whole body is in memory."""

    body: bytes

    @cached_property
    def stream(self) -> httpx.ByteStream:
        """Body as a stream."""
        return httpx.ByteStream(self.body)

    @property
    def content(self) -> bytes:
        """Body."""
        return self.body

    def read(self) -> bytes:
        """Return the body."""
        return self.body

    async def aread(self) -> bytes:
        """Return the body."""
        return self.body


class LazyRequest(_WholeBody, httpx.Request):  # type: ignore[misc] # `stream` is an attribute of httpx's
    """Request with the text of its URL, its fields in order, and its body; all of them are sent unchanged."""

    def __init__(
        self, method: str, url_text: str, fields: Headers, body: bytes, extensions: dict[str, Any]
    ) -> None:
        self.method = method
        self.url_text = url_text
        self.fields = fields
        self.body = body
        self.extensions = {"url": url_text, **extensions}

    @cached_property
    def url(self) -> httpx.URL:  # type: ignore[override] # an attribute in the base class
        """Parsed URL."""
        return httpx.URL(self.url_text)

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override] # an attribute in the base class
        """Header fields. Raises UnicodeEncodeError if one is not ASCII."""
        return httpx.Headers([(name.encode("ascii"), value.encode("ascii")) for name, value in self.fields])


class LazyResponse(_WholeBody, httpx.Response):  # type: ignore[misc] # as above
    """Response with its whole body, whose content coding is undone."""

    is_closed = True
    is_stream_consumed = True
    default_encoding = "utf-8"

    def __init__(self, status: int, fields: RawFields, body: bytes) -> None:
        self.status_code = status
        self.fields = fields
        self.body = body

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override] # an attribute in the base class
        """Header fields."""
        return httpx.Headers(self.fields)

    @cached_property
    def extensions(self) -> dict[str, Any]:  # type: ignore[override] # an attribute in the base class
        """No extensions."""
        return {}

    async def aclose(self) -> None:
        """Do nothing: the response is complete."""
