"""Endpoints of Halo Cloud that are neither FHIR nor SQL: sites, pairing, tokens."""

from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.auth import issue_desktop_token
from gateway.emulator.errors import NO_OPERATION, NOT_FOUND, json_response
from gateway.emulator.rendering import utc_now_text
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import SITES, Site, site_status, site_summary
from gateway.emulator.state import EmulatorState

_PMS_NAMES: Final = {"Best Practice", "Zedmed", "D4w"}


def integrator_response(state: EmulatorState, request: Request, path: list[str], body: bytes) -> Response:
    """Return the response of one endpoint below `/integrator`. Raises Refusal."""
    match "GET" if request.method == "HEAD" else request.method, path:
        case "GET", ["sites"]:
            summaries = [
                site_summary(site, state.fault_rules.site_availability(site.guid))
                for site in _matching_sites(request)
            ]
            return json_response({"sites": summaries})
        case "GET", ["sites", guid]:
            site = state.require_site(guid)
            return json_response(
                site_status(site, state.fault_rules.site_availability(site.guid), utc_now_text())
            )
        case "POST", ["pair-site" | "pairSite"]:
            return json_response(_pair_site(state, request))
        case "POST", ["token"]:
            return json_response(issue_desktop_token(state, _form_fields(request, body)))
    raise Refusal("apim", 404, NO_OPERATION, "not-found")


def _matching_sites(request: Request) -> list[Site]:
    pms_id = request.query_params.get("practiceManagementSiteId")
    name = request.query_params.get("practiceManagementName")
    if not pms_id or name not in _PMS_NAMES:
        raise Refusal(
            "wrapped",
            400,
            "practiceManagementSiteId and practiceManagementName must be provided.",
            "required",
        )
    return [site for site in SITES.values() if site.pms_id == pms_id and name == "Best Practice"]


def _pair_site(state: EmulatorState, request: Request) -> dict[str, Any]:
    sites = _matching_sites(request)
    if not sites:
        raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
    if request.query_params.get("pairingCode") != sites[0].pairing_code:
        raise Refusal("wrapped", 400, "Pairing code is invalid or has expired.", "invalid")
    return site_status(sites[0], state.fault_rules.site_availability(sites[0].guid), utc_now_text())


def _form_fields(request: Request, body: bytes) -> dict[str, str]:
    if "form-urlencoded" not in request.headers.get("content-type", ""):
        raise Refusal(
            "wrapped", 415, "Content type must be application/x-www-form-urlencoded.", "not-supported"
        )
    return dict(parse_qsl(body.decode(errors="replace")))
