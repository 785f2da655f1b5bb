"""Endpoint for all Halo paths: journal, injected faults, authentication, dispatch, billing."""

import asyncio
import time
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.auth import require_desktop_token, require_subscription_key, subscription_key
from gateway.emulator.billing import bill_key, charge_for, is_billed_fault, is_billed_refusal, site_in_path
from gateway.emulator.broken_responses import RESPONSE_BREAKERS, HangingResponse, ResetResponse
from gateway.emulator.errors import NO_OPERATION, error_response, json_response
from gateway.emulator.fhir import fhir_response
from gateway.emulator.halo_cloud import integrator_response
from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import Site
from gateway.emulator.sql.endpoints import sql_response
from gateway.emulator.sql.faults import as_sql_refusal, defer_fault, is_sql, require_in_time, time_limit
from gateway.emulator.sql.queries import SqlCaller
from gateway.emulator.state import EmulatorState

#: The journal keeps this much of a body, because a document may have 16 MB.
_KEPT_BYTES: Final = 64 * 1024
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Endpoint:
    """The endpoint of every path of Halo Cloud."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    async def respond(self, request: Request) -> Response:
        """Return the response to one request, after it is recorded and charged."""
        body = await request.body()
        path, key = request.scope["path"].strip("/").split("/"), subscription_key(request)
        entry = _journal_entry(request, body)
        self.state.journal.append(entry)
        rule = self.state.fault_rules.take_matching(
            request.method, f"{request.scope['path']}?{request.url.query}", key
        )
        if rule and rule.kind != "drip":
            await asyncio.sleep(min(rule.delay, time_limit(self.state, path) or rule.delay))
        response, reached_database = self._respond_or_refuse(request, path, body, rule)
        charge = charge_for(path, reached_database=reached_database, method=request.method)
        body_bytes = 0 if request.method == "HEAD" else len(response.body)
        self.state.bill.add(bill_key(key, path), charge, body_bytes)
        status = getattr(request.state, "refusal_status", response.status_code)
        entry |= {"status": status, "charge": charge, "answered": time.time()}
        return (
            RESPONSE_BREAKERS[rule.kind](response, rule.delay)
            if rule and rule.kind in RESPONSE_BREAKERS
            else response
        )

    def _respond_or_refuse(
        self, request: Request, path: list[str], body: bytes, rule: FaultRule | None
    ) -> tuple[Response, bool]:
        """Return the response, and whether the request reached the practice's database."""
        site = site_in_path(path)
        try:
            is_injected = rule and rule.kind not in {"delay", *RESPONSE_BREAKERS}
            if rule and is_injected and not defer_fault(rule, request, path):
                return self._injected_response(rule, site), is_billed_fault(rule)
            response = self._dispatch(request, path, body)
            require_in_time(rule, time_limit(self.state, path))
            return response, getattr(request.state, "is_executed", True)
        except Refusal as refusal:
            request.state.refusal_status = refusal.status
            return self._error_response(refusal, path, site), is_billed_refusal(refusal, rule)

    def _error_response(self, refusal: Refusal, path: list[str], site: Site | None) -> Response:
        """Return the response to a refused request; SQL Passthrough knows no OperationOutcome."""
        broken = self.state.settings.is_fault_enabled("error-envelope", site.guid if site else "")
        shown = as_sql_refusal(refusal) if is_sql(path) else refusal
        return error_response(
            shown, broken_envelope=broken or is_sql(path), old_engine=bool(site and site.old_engine)
        )

    def _injected_response(self, rule: FaultRule, site: Site | None) -> Response:
        limit = self.state.settings.site_override(site.guid).size_limit or site.size_limit if site else 2**23
        if refusal := rule.refusal(limit):
            raise refusal
        if rule.kind == "reset":
            return ResetResponse()
        if rule.kind == "hang":
            return HangingResponse()
        if rule.body is None or isinstance(rule.body, str):
            return Response(rule.body, rule.status, rule.headers)
        return json_response(rule.body, rule.status, rule.headers)

    def _dispatch(self, request: Request, path: list[str], body: bytes) -> Response:
        match path:
            case ["integrator" | "api" as api, "sites", guid, "fhir", "R4", *rest]:
                require_subscription_key(self.state, request)
                return fhir_response(self._request_context(request, api, guid), request, rest, body)
            case ["desktop", "sites", guid, "fhir", "R4", *rest]:
                require_desktop_token(self.state, request, guid)
                return fhir_response(self._request_context(request, "desktop", guid), request, rest, body)
            case ["integrator", "sites", guid, "queries", *rest]:
                require_subscription_key(self.state, request)
                caller = SqlCaller(self.state.require_site(guid), "integrator", subscription_key(request))
                return sql_response(self.state, request, caller, rest, body)
            case ["desktop", "sites", guid, "queries", *rest]:
                require_desktop_token(self.state, request, guid)
                device = f"device {request.headers['deviceid']}"
                caller = SqlCaller(self.state.require_site(guid), "desktop", device)
                return sql_response(self.state, request, caller, rest, body)
            case ["integrator", *rest]:
                require_subscription_key(self.state, request)
                return integrator_response(self.state, request, rest, body)
        raise Refusal("apim", 404, NO_OPERATION, "not-found")

    def _request_context(self, request: Request, api: str, guid: str) -> RequestContext:
        site = self.state.require_site(guid)
        host = f"{request.url.scheme}://{request.url.netloc}"
        return RequestContext(site, self.state.practices[site.guid], self.state.settings, host, api)


def _journal_entry(request: Request, body: bytes) -> dict[str, Any]:
    form = "form-urlencoded" in request.headers.get("content-type", "")
    return {
        "method": request.method,
        "path": request.scope["path"],
        "query": request.url.query,
        "parameters": parse_qsl(request.url.query, keep_blank_values=True),
        "body": parse_qsl(body.decode(errors="replace"), keep_blank_values=True) if form else [],
        "text": "" if form else body[:_KEPT_BYTES].decode(errors="replace"),
        "size": len(body),
        "sha256": sha256(body).hexdigest(),
        "headers": dict(request.headers),
    }
