"""The door of the emulator: writes down, misbehaves on demand, lets in, answers, charges."""

import asyncio
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.access import check_desktop, check_key, subscription_key
from gateway.emulator.bill import Charge
from gateway.emulator.errors import NO_OPERATION, error_response, json_response
from gateway.emulator.faults import UNATTEMPTED, FaultRule
from gateway.emulator.fhir import fhir_response
from gateway.emulator.integrator import integrator_response
from gateway.emulator.misbehaviour import Hang, Reset, Truncated
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import SITES, Site
from gateway.emulator.state import State
from gateway.emulator.visit import Visit

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_NEVER_ATTEMPTED: Final = {401, 403, 404, 429, 503}


class Front:
    """The endpoint behind every path of Halo Cloud."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def answer(self, request: Request) -> Response:
        """The answer to one request, recorded and charged."""
        body = await request.body()
        self.state.journal.append(_written(request, body))
        path = request.url.path.strip("/").split("/")
        target = f"{request.url.path}?{request.url.query}"
        rule = self.state.rules.take(request.method, target, subscription_key(request))
        if rule:
            await asyncio.sleep(rule.delay)
        response, charge = self._answer(request, path, body, rule)
        self._charge(request, path, charge, 0 if request.method == "HEAD" else len(response.body))
        return response

    def _answer(
        self, request: Request, path: list[str], body: bytes, rule: FaultRule | None
    ) -> tuple[Response, Charge]:
        site = _site(path)
        try:
            if rule and rule.kind not in {"delay", "truncate"}:
                return self._demanded(rule, site), _demanded_charge(rule)
            response = self._dispatch(request, path, body)
        except Refusal as refusal:
            guid = site.guid if site else ""
            broken = self.state.settings.fault("error-envelope", guid)
            response = error_response(refusal, broken=broken, old_engine=bool(site and site.old_engine))
            return response, "paid" if _attempted(refusal, rule) else "none"
        if rule and rule.kind == "truncate":
            response = Truncated(response.body, response.status_code, dict(response.headers))
        return response, "free" if _is_free(path) else "paid"

    def _demanded(self, rule: FaultRule, site: Site | None) -> Response:
        limit = self.state.settings.override(site.guid).size_limit or site.size_limit if site else 2**23
        if refusal := rule.refusal(limit):
            raise refusal
        if rule.kind == "reset":
            return Reset()
        if rule.kind == "hang":
            return Hang()
        if rule.body is None or isinstance(rule.body, str):
            return Response(rule.body, rule.status, rule.headers)
        return json_response(rule.body, rule.status, rule.headers)

    def _dispatch(self, request: Request, path: list[str], body: bytes) -> Response:
        match path:
            case ["integrator" | "api" as surface, "sites", guid, "fhir", "R4", *rest]:
                check_key(self.state, request)
                return fhir_response(self._visit(request, surface, guid), request, rest, body)
            case ["desktop", "sites", guid, "fhir", "R4", *rest]:
                check_desktop(self.state, request, guid)
                return fhir_response(self._visit(request, "desktop", guid), request, rest, body)
            case ["integrator", *rest]:
                check_key(self.state, request)
                return integrator_response(self.state, request, rest, body)
        raise Refusal("apim", 404, NO_OPERATION, "not-found")

    def _visit(self, request: Request, surface: str, guid: str) -> Visit:
        site = self.state.site(guid)
        host = f"{request.url.scheme}://{request.url.netloc}"
        return Visit(site, self.state.practices[site.guid], self.state.settings, host, surface)

    def _charge(self, request: Request, path: list[str], charge: Charge, octets: int) -> None:
        site = _site(path)
        fhir_path = "/".join(path[5:] if path[3:5] == ["fhir", "R4"] else path)
        line = (subscription_key(request), site.guid if site else "", fhir_path)
        self.state.bill.add(line, charge, octets)


def _site(path: list[str]) -> Site | None:
    return SITES.get(path[2].lower()) if len(path) > 2 and path[1] == "sites" else None  # noqa: PLR2004


def _is_free(path: list[str]) -> bool:
    """Metadata, and everything of Halo Cloud's own that asks no practice."""
    return path[3:] == ["fhir", "R4", "metadata"] or ("queries" not in path and "fhir" not in path)


def _attempted(refusal: Refusal, rule: FaultRule | None) -> bool:
    if rule and rule.kind in UNATTEMPTED:
        return False
    return refusal.surface in {"engine", "query"} or refusal.status == 504  # noqa: PLR2004


def _demanded_charge(rule: FaultRule) -> Charge:
    unattempted = rule.kind == "answer" and rule.status in _NEVER_ATTEMPTED
    return "none" if unattempted else "paid"


def _written(request: Request, body: bytes) -> dict[str, Any]:
    form = "form-urlencoded" in request.headers.get("content-type", "")
    return {
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "parameters": parse_qsl(request.url.query, keep_blank_values=True),
        "body": parse_qsl(body.decode(errors="replace"), keep_blank_values=True) if form else [],
        "text": "" if form else body.decode(errors="replace"),
        "headers": dict(request.headers),
    }
