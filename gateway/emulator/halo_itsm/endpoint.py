"""Endpoint for all paths of HaloITSM: journal, faults on demand, authentication, rates, dispatch."""

import asyncio
from hashlib import sha256
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.errors import json_response
from gateway.emulator.halo_itsm import errors
from gateway.emulator.halo_itsm.data import SLOW_REPORT
from gateway.emulator.halo_itsm.errors import ItsmRefusal
from gateway.emulator.halo_itsm.oauth import auth_info, is_permitted, token_response
from gateway.emulator.halo_itsm.records import (
    LIST_NAMES,
    delete_response,
    list_response,
    read_response,
    save_response,
)
from gateway.emulator.halo_itsm.state import ItsmState

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
#: The journal keeps this much of a body.
_KEPT_BYTES: Final = 64 * 1024
#: Endpoint -> methods that it supports; by default all three.
_METHODS_OF: Final = {"lookup": "GET", "report": "GET, POST"}
_ALL_METHODS: Final = "GET, POST, DELETE"


class ItsmEndpoint:
    """The endpoint of every path of HaloITSM. Paths are the same in any letter case, as in .NET."""

    def __init__(self, state: ItsmState) -> None:
        self.state = state

    async def respond(self, request: Request) -> Response:
        """Return the response to one request, after it is recorded."""
        body = await request.body()
        entry = _journal_entry(request, body) | {"received": self.state.clock()}
        self.state.journal.append(entry)
        target = f"{request.scope['path']}?{request.url.query}"
        fault = self.state.fault_rules.take_matching(request.method, target, self._client_id(request))
        if fault and fault.kind != "drip":  # which spreads its delay over the body
            await asyncio.sleep(fault.delay)
        injected = fault.injected_response() if fault else None
        response = injected or await self._respond_or_refuse(request, body)
        entry["status"] = response.status_code
        return fault.broken_response(response) if fault else response

    async def _respond_or_refuse(self, request: Request, body: bytes) -> Response:
        try:
            return await self._dispatch(request, body)
        except ItsmRefusal as refusal:
            return refusal.error.response()

    async def _dispatch(self, request: Request, body: bytes) -> Response:
        if len(body) > self.state.settings.max_body:
            raise ItsmRefusal(errors.TOO_LARGE)
        first, *rest = request.scope["path"].strip("/").split("/")
        match request.method, first.lower(), [part.lower() for part in rest]:
            case "GET", "api", ["authinfo"]:
                return auth_info(self.state, request)
            case "POST", "auth", ["token"]:
                return token_response(self.state, request, body)
            case _, "api", [endpoint, *keys] if endpoint in LIST_NAMES and len(keys) <= 1:
                self._admit(request, endpoint)
                return await self._record_response(request, endpoint, rest[1] if keys else "", body)
        raise ItsmRefusal(errors.NO_PATH)

    def _admit(self, request: Request, endpoint: str) -> None:
        """Raise ItsmRefusal 401, 429, 405 or 403, checked in this order."""
        grant = self.state.require_grant(request.headers.get("authorization", ""))
        self.state.count_request(grant.client_id)
        allowed = _METHODS_OF.get(endpoint, _ALL_METHODS)
        if request.method not in allowed.split(", "):
            raise ItsmRefusal(errors.method_error(request.method, allowed))
        if not is_permitted(grant, endpoint, is_write=request.method != "GET"):
            raise ItsmRefusal(errors.FORBIDDEN)

    async def _record_response(self, request: Request, endpoint: str, key: str, body: bytes) -> Response:
        if request.method == "POST" and not key:
            return save_response(self.state, endpoint, body)
        if request.method == "DELETE" and key:
            return delete_response(self.state, endpoint, key)
        if request.method != "GET":
            raise ItsmRefusal(errors.NO_PATH)
        if endpoint == "report" and key and request.query_params.get("loadreport") == "true":
            return await self._report_response(key)
        if key:
            return read_response(self.state, endpoint, key)
        return list_response(self.state, endpoint, request.query_params)

    async def _report_response(self, key: str) -> Response:
        """Return a report with its rows. Raises ItsmRefusal 504 for the one with too much data, or 404."""
        if key == str(SLOW_REPORT):
            await asyncio.sleep(self.state.settings.report_seconds)
            raise ItsmRefusal(errors.TOO_SLOW)
        report = self.state.tables["report"].get(int(key)) if key.isdecimal() else None
        if report is None:
            raise ItsmRefusal(errors.NO_ITEM)
        rows = [{"ticket": number} for number in self.state.tables["tickets"]]
        return json_response({**report, "report": {"rows": rows}})

    def _client_id(self, request: Request) -> str:
        """Id of the API client that sends a request; empty without a valid token."""
        try:
            return self.state.require_grant(request.headers.get("authorization", "")).client_id
        except ItsmRefusal:
            return ""


def _journal_entry(request: Request, body: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.scope["path"],
        "raw_path": request.scope["raw_path"].decode("latin-1"),
        "query": request.url.query,
        "text": body[:_KEPT_BYTES].decode(errors="replace"),
        "size": len(body),
        "sha256": sha256(body).hexdigest(),
        "headers": dict(request.headers),
    }
