"""Upgrade offers: the server ignores them and answers the request as it stands (RFC 9110 section 7.8).

httptools stops after the headers of such a request, so that uvicorn would lose the body, and read a body that
comes later as the next request.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """A connection that parses a request with an upgrade offer again, without the offer."""

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def on_headers_complete(self) -> None:
        """Handle the request, unless its headers will be parsed again."""
        if not self.is_upgrade_offer:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Complete the request, unless it will be parsed again."""
        if not self.is_upgrade_offer:
            super().on_message_complete()

    @property
    def is_upgrade_offer(self) -> bool:
        """Whether the parser has stopped after the headers of a request that offers an upgrade."""
        return self.parser.should_upgrade()

    def _parse(self, data: bytes) -> None:
        """Parse bytes; several requests among them may offer an upgrade. Raises HttpParserError."""
        while True:
            try:
                return self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._head_without_offer() + data[offer.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's parser

    def _head_without_offer(self) -> bytes:
        """Head of the current request without its `Upgrade` fields. Raises HttpParserError for CONNECT."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserInvalidMethodError("a tunnel")
        version = self.parser.get_http_version().encode()
        fields = (b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade")
        return b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, b"".join(fields))
