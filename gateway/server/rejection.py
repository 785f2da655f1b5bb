"""Responses of a connection to requests that it rejects before the application sees them."""

from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors.failure import Failure, FailureKind
from gateway.web.endpoint import response_headers, send_response
from gateway.web.errors import error_response
from gateway.web.request_id import request_id
from gateway.web.request_reader import request_id_of

_log = structlog.get_logger()


def rejection_app(kind: FailureKind) -> ASGIApp:
    """Return an application that responds to each request with a failure, and closes the connection."""

    async def reject_request(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        _log.info("request-rejected", code=kind.code, status=kind.status)
        await send_response(
            error_response(Failure(kind)).with_header("connection", "close"),
            request,
            send,
            request_id_of(request),
        )

    return reject_request


def encode_rejection(kind: FailureKind) -> bytes:
    """Encode the response to bytes that never became a request."""
    response = error_response(Failure(kind)).with_header("connection", "close")
    lines = [b"%s: %s\r\n" % header for header in response_headers(response, request_id(""))]
    start = f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}\r\n".encode()
    return b"".join([start, *lines, b"\r\n", response.body])
