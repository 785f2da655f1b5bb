"""Responses of a connection to requests that it rejects before the application sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.prepared import NO_FIELDS, AddedFields, render_headers
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirResponse
from gateway.telemetry.access_log import Answer
from gateway.web.cors import CorsPolicy, with_added_fields
from gateway.web.cors_middleware import CorsMiddleware
from gateway.web.endpoint import response_headers, send_response
from gateway.web.errors import error_response
from gateway.web.request_id import request_id
from gateway.web.request_reader import request_id_of
from gateway.web.unread_requests import UnreadRequests

_CLOSE = (b"connection", b"close")


@dataclass(frozen=True)
class Rejection:
    """A request that a connection rejects, and its ASGI scope; None for bytes that never became a request."""

    kind: FailureKind
    scope: Mapping[str, Any] | None = None
    response: FhirResponse = field(init=False)

    def __post_init__(self) -> None:
        response = error_response(Failure(self.kind)).with_header("connection", "close")
        object.__setattr__(self, "response", response)

    @cached_property
    def request_id(self) -> str:
        """Id of the request in the response and in the log."""
        return request_id_of(Request(dict(self.scope))) if self.scope else request_id("")

    def report(self, unread: UnreadRequests, seconds: float = 0.0) -> None:
        """Report the request."""
        answer = Answer(self.request_id, self.kind.status, self.kind, len(self.response.body), seconds)
        unread.report(self.scope, answer)

    def encode(self, added: AddedFields = NO_FIELDS) -> bytes:
        """Encode the response, with the fields that are added to each response to its request."""
        headers = with_added_fields(response_headers(self.response, self.request_id), added)
        start = f"HTTP/1.1 {self.kind.status} {HTTPStatus(self.kind.status).phrase}\r\n".encode()
        return b"".join([start, render_headers(headers), b"\r\n", self.response.body])


def rejection_app(kind: FailureKind, unread: UnreadRequests, cors: CorsPolicy | None = None) -> ASGIApp:
    """Return an application that responds to each request with a failure, and closes the connection.

    A preflight is answered, so that the page sees the failure of the request that follows it.
    """

    async def reject_request(scope: Scope, receive: Receive, send: Send) -> None:
        rejection = Rejection(kind, scope)
        rejection.report(unread)
        await send_response(rejection.response, Request(scope, receive), send, rejection.request_id)

    return CorsMiddleware(reject_request, cors, (_CLOSE,), unread) if cors else reject_request
