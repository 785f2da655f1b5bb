"""Endpoint of every path: journal, faults on demand, host, token, rate, dispatch, request ids."""

import asyncio
import time
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.health_gorilla.errors import GorillaError
from gateway.emulator.health_gorilla.faults import GorillaFault
from gateway.emulator.health_gorilla.interactions import ASYNC_OPERATIONS, Call, content_response, execute
from gateway.emulator.health_gorilla.jobs import accept_job, job_response
from gateway.emulator.health_gorilla.rendering import Base
from gateway.emulator.health_gorilla.settings import Version
from gateway.emulator.health_gorilla.state import GorillaState
from gateway.emulator.health_gorilla.tokens import token_response

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
#: The journal keeps this much of a body.
_KEPT_BYTES: Final = 64 * 1024


class GorillaEndpoint:
    """The endpoint of every path of Health Gorilla's API."""

    def __init__(self, state: GorillaState) -> None:
        self.state = state

    async def respond(self, request: Request) -> Response:
        """Return the response to one request, after it is recorded."""
        body = await request.body()
        entry = _journal_entry(request, body)
        self.state.journal.append(entry)
        path = f"{request.scope['path']}?{request.url.query}"
        fault = self.state.fault_rules.take_matching(request.method, path, _token(request))
        is_late = await self._delay(fault, request)
        response = self._response(request, body, fault, is_late=is_late)
        response.headers.update(_request_ids(request))
        entry |= {"status": response.status_code, "answered": time.time()}
        return fault.broken_response(response) if fault else response

    async def _delay(self, fault: GorillaFault | None, request: Request) -> bool:
        """Wait as a fault says; whether the call took longer than a synchronous one may."""
        if not fault or not fault.delay or fault.kind == "drip":
            return False
        limit = float("inf") if _is_async(request) else self.state.settings.sync_seconds
        await asyncio.sleep(min(fault.delay, limit))
        return fault.delay > limit

    def _response(
        self, request: Request, body: bytes, fault: GorillaFault | None, *, is_late: bool
    ) -> Response:
        if fault and (injected := fault.injected_response()):
            return injected
        try:
            response = self._dispatch(request, body)
            return GorillaError("timeout").response() if is_late else response
        except GorillaError as error:
            return error.response()

    def _dispatch(self, request: Request, body: bytes) -> Response:
        path: str = request.scope["path"]
        if request.headers.get("host", "").lower().startswith("www."):
            raise GorillaError("www-host")
        if "//" in path or path.rstrip("/") in {"/fhir", "/fhir/R4"}:
            raise GorillaError("malformed-url")
        origin = self.state.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        match path.strip("/").split("/"):
            case ["oauth", "token"]:
                _require_method(request, "POST")
                return token_response(self.state, body, origin)
            case ["download", name]:
                _require_method(request, "GET", "HEAD")
                return content_response(self.state.linked_binary(name))
            case ["fhir", "RequestResult", identity]:
                client = self.state.client_of(_token(request))
                return job_response(self.state, client, request.method, identity)
            case ["fhir", "R4", *rest]:
                return self._fhir_response(request, self._base(origin, "R4"), rest, body)
            case ["fhir", *rest]:
                return self._fhir_response(request, self._base(origin, "STU3"), rest, body)
        raise GorillaError("not-found")

    def _base(self, origin: str, version: Version) -> Base:
        return Base(origin, version, lambda binary: origin + self.state.download_path(binary))

    def _fhir_response(self, request: Request, base: Base, path: list[str], body: bytes) -> Response:
        client = self.state.client_of(_token(request))
        if base.version not in self.state.settings.clients[client].versions:
            raise GorillaError("wrong-version")
        if path[0] in self.state.settings.unlicensed:
            raise GorillaError("no-licence")
        operation = path[-1] if path[-1].startswith("$") else ""
        rate_headers = self.state.take_turn(client, operation or path[0])
        call = Call(self.state, request, base, client, path, body)
        response = self._execute(call, operation)
        response.headers.update(rate_headers)
        return response

    def _execute(self, call: Call, operation: str) -> Response:
        if _is_async(call.request):
            is_p360 = operation == "$p360-retrieve"
            return accept_job(
                self.state, call.client, call.base.origin, lambda: execute(call), is_p360=is_p360
            )
        if operation in ASYNC_OPERATIONS:
            raise GorillaError("async-only")
        return execute(call)


def _is_async(request: Request) -> bool:
    return "respond-async" in request.headers.get("prefer", "")


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _require_method(request: Request, *methods: str) -> None:
    """Raise GorillaError (405) for another method."""
    if request.method not in methods:
        raise GorillaError("method-not-allowed", headers={"allow": ", ".join(methods)})


def _request_ids(request: Request) -> dict[str, str]:
    """Ids of a request: Health Gorilla's own, and the client's if it sent one."""
    own, client_id = token_hex(12), request.headers.get("x-request-id", "")
    ids = {"x-hg-request-id": own, "x-correlation-id": client_id or own}
    return ids | ({"x-request-id": client_id} if client_id else {})


def _journal_entry(request: Request, body: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.scope["path"],
        "query": request.url.query,
        "parameters": parse_qsl(request.url.query, keep_blank_values=True),
        "text": body[:_KEPT_BYTES].decode(errors="replace"),
        "size": len(body),
        "sha256": sha256(body).hexdigest(),
        "headers": dict(request.headers),
    }
