"""Budget of memory for request bodies: of all requests that are being read or answered at one time."""

from collections import Counter

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.settings import Server
from gateway.web.client_address import client_address

_EXHAUSTED_TEXT = (
    "The gateway is receiving too many request bodies at once. This request was not sent. Retry after the"
    " time in Retry-After."
)
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


def memory_size(octets: int) -> int:
    """Bytes of memory of a body while it grows: its buffer has up to an eighth more."""
    return octets + octets // 8


class BodyBudget:
    """Bytes of bodies in memory, by client address.

    An address holds at most as much as remains free, so that one holds at most half, and several leave room
    for the next (dynamic thresholds, as in the bulkhead).
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._bytes_by_address: Counter[str] = Counter()

    @property
    def used_bytes(self) -> int:
        """Bytes in use."""
        return self._used_bytes

    def take(self, address: str, octets: int) -> None:
        """Count bytes for an address. Raises Failure 503 if too few remain."""
        if self._bytes_by_address[address] + octets > self._max_bytes - self._used_bytes - octets:
            raise Failure(GATEWAY_OVERLOADED, text=_EXHAUSTED_TEXT)
        self._change(address, octets)

    def give_back(self, address: str, octets: int) -> None:
        """Count bytes of an address as free again."""
        self._change(address, -octets)

    def _change(self, address: str, octets: int) -> None:
        self._used_bytes += octets
        self._bytes_by_address[address] += octets
        if not self._bytes_by_address[address]:
            del self._bytes_by_address[address]


class BodyBudgetMiddleware:
    """ASGI middleware that counts the body of each request, as it is read, until the request is answered."""

    def __init__(self, app: ASGIApp, budget: BodyBudget, server: Server) -> None:
        self._app = app
        self._budget = budget
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application. Its `receive` raises Failure 503 if too little of the budget remains."""
        if scope["type"] != "http" or not any(name in _BODY_HEADERS for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        address, taken = client_address(Request(scope), self._server), 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            octets = memory_size(len(message.get("body", b"")))
            self._budget.take(address, octets)
            taken += octets
            return message

        try:
            await self._app(scope, receive_counted, send)
        finally:
            self._budget.give_back(address, taken)
