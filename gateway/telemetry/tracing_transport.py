"""Requests to a collector of spans: bounded in time and in what is read, and never redirected."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import TooManyRedirects
from requests.structures import CaseInsensitiveDict

from gateway.upstreams.direct_transport import DirectTransport


def collector_session() -> Session:
    """Return a session for the exporter of OpenTelemetry; it ignores proxies and .netrc."""
    session = Session()
    session.trust_env = False
    for prefix in ("http://", "https://"):
        session.mount(prefix, CollectorAdapter())
    return session


class CollectorAdapter(BaseAdapter):
    """Sends with the gateway's own client: requests' timeout is for each read, and it reads whole bodies.

    A response ends with its head: the status says whether spans were accepted. Client certificates are not
    sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._transports: dict[bool | str, DirectTransport] = {}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the response without its body, within `timeout` seconds in total.

        `verify` may be the path of a private CA. Raises ConnectionError, and TooManyRedirects for a redirect.
        """
        del stream, cert, proxies
        try:
            received = asyncio.run(self._exchange(request, timeout, verify))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NoConnection(type(error).__name__) from None
        if received.is_redirect:  # the exporter takes all below 400 for a success
            raise TooManyRedirects(f"status {received.status_code}")
        return _response(request, received)

    def close(self) -> None:
        """Do nothing: each request closes its connection."""

    async def _exchange(self, request: PreparedRequest, seconds: float, verify: bool | str) -> httpx.Response:
        transport = self._transport(verify)
        fields = {name: str(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else b""
        message = httpx.Request("POST", str(request.url), headers=fields, content=body)
        try:
            async with asyncio.timeout(seconds):
                return await transport.handle_async_request(message)
        finally:
            transport.close_connections()

    def _transport(self, verify: bool | str) -> DirectTransport:
        if verify not in self._transports:
            self._transports[verify] = DirectTransport(
                limits=httpx.Limits(max_connections=1),
                timeout=httpx.Timeout(None),  # that of each request
                max_body=None,
                ca_file=Path(verify) if isinstance(verify, str) else None,
            )
        return self._transports[verify]


def _response(request: PreparedRequest, received: httpx.Response) -> Response:
    response = Response()
    response.request, response.url = request, str(request.url)
    response.status_code = received.status_code
    response.headers = CaseInsensitiveDict(received.headers)
    response._content = b""  # noqa: SLF001 - requests has no other way, and its adapters do the same
    return response
