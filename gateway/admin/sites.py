"""Endpoints `/admin/sites` and `/admin/pauses`: status of sites, keys and pauses, and their reset."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.date_facts import NEVER_PROBED, date_facts_json
from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import (
    SiteNames,
    bad_request,
    json_body,
    json_response,
    query_parameters,
    utc_timestamp,
)
from gateway.admin.site_briefs import BriefSelection, SiteBrief, read_site_briefs
from gateway.admin.site_status import CIRCUIT, KeyStatus, SiteStatus, SiteStatusReader
from gateway.admin.upstream_handlers import site_of_pause
from gateway.paging.page_size import PageSizeEstimate
from gateway.resilience.pause_rules import Pause, PauseRule, caller_of
from gateway.sites.issue_states import SiteIssues
from gateway.sites.mounted_names import split_pause

_log = structlog.get_logger()


class ResetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a reset: the name of one pause; empty for a site's circuit and all its pauses."""

    pause: str = ""


@dataclass(frozen=True, slots=True)
class SiteEndpoints:
    """Endpoints of sites, keys and pauses."""

    status_reader: SiteStatusReader
    site_names: SiteNames
    now: Callable[[], datetime]

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {
            ("GET", "/admin/sites"): self.get_sites,
            ("POST", "/admin/sites/{siteId}/reset"): self.reset_site,
            ("GET", "/admin/pauses"): self.get_pauses,
            ("POST", "/admin/pauses/clear"): self.clear_pause,
        }

    async def get_sites(self, request: Request) -> Response:
        """Return the status of all sites, or of one, and of all keys, or a brief list. Raises Failure 400."""
        parameters = query_parameters(request, ("site", "view", *_SELECTION))
        site, view = parameters.get("site", ""), parameters.get("view", _VIEWS[0])
        is_full = view == _VIEWS[0]
        if view not in _VIEWS or (not is_full and site) or (is_full and {*_SELECTION} & {*parameters}):
            raise bad_request(_VIEW_USAGE, "http.view")
        if not is_full:
            limit, offset = _limit(parameters), _offset(parameters)
            contains = parameters.get("contains", "")
            return await self._brief_response(BriefSelection(view == "troubled", contains, limit, offset))
        key = await self.site_names.require_known(site) if site else ""
        statuses = await self.status_reader.site_statuses(key)
        now, key_statuses = self.status_reader.now(), await self.status_reader.key_statuses()
        keys = [_key_json(status, now) for status in key_statuses]
        return json_response({"sites": list(map(self._site_json, statuses)), "keys": keys}, self.now())

    async def _brief_response(self, selection: BriefSelection) -> Response:
        briefs, found, total = await read_site_briefs(self.status_reader, selection)
        numbers = {"practices": total, "found": found}
        return json_response(
            {**numbers, "sites": list(map(self._brief_json, briefs)), "keys": []}, self.now()
        )

    async def get_pauses(self, request: Request) -> Response:
        """Return the pause rules, of which the first match applies, and all pauses. Raises Failure 400."""
        limit = _limit(query_parameters(request, ("limit",)))
        rules = [_rule_json(rule) for rule in self.status_reader.pause_rules]
        pauses = sorted((await self.status_reader.pauses()).items())
        shown = self._pauses_json(dict(pauses[:limit]))
        return json_response({"rules": rules, "found": len(pauses), "pauses": shown}, self.now())

    async def reset_site(self, request: Request) -> Response:
        """Close the circuit of a site and clear its pauses, or one of its pauses. Raises Failure 400."""
        site = await self.site_names.require_known(request.path_params["siteId"])
        pause = (await json_body(request, ResetRequest, _RESET_USAGE)).pause
        if pause and site_of_pause(pause) != site:
            text = "This pause belongs to another practice. GET /admin/pauses lists all pauses."
            raise bad_request(text, "pause")
        return self._reset_response(site, await self.status_reader.reset_site(site, pause))

    async def clear_pause(self, request: Request) -> Response:
        """Clear one pause of any scope. Raises Failure 400."""
        pause = (await json_body(request, ResetRequest, _RESET_USAGE)).pause
        if not pause:
            raise bad_request(_RESET_USAGE, "pause")
        return self._reset_response("", await self.status_reader.reset_site("", pause))

    def _reset_response(self, site: str, reset_items: list[str]) -> Response:
        for item in reset_items:
            name = self.site_names.display_name(site or site_of_pause(item))
            if item == CIRCUIT:
                _log.info("circuit-reset", site=name, what=item)
            else:
                _log.info("pause-cleared", site=name, what=split_pause(item)[1].partition(":")[0])
        return json_response({"reset": reset_items}, self.now())

    def _brief_json(self, brief: SiteBrief) -> dict[str, Any]:
        return {
            **self._state_json(brief),
            "datesVerifiedBy": (brief.dates_verified_by or NEVER_PROBED) if brief.has_zone else None,
            "engine": brief.engine or None,
            "brokenIssues": brief.broken_issues,
        }

    def _state_json(self, status: SiteBrief | SiteStatus) -> dict[str, Any]:
        now, circuit = self.status_reader.now(), status.circuit
        return {
            "site": status.guid,
            "name": status.name,
            "id": self.status_reader.site_id(status.guid),
            "configured": status.is_configured,
            "state": circuit.state(now),
            "lastFailureAt": utc_timestamp(circuit.last_failure_at),
            "until": utc_timestamp(circuit.open_until),
            "secondsLeft": math.ceil(circuit.seconds_until_half_open(now)),
            "reason": circuit.reason or None,
            "failures": circuit.failures,
            "timesOpened": circuit.times_opened,
            "pauses": self._pauses_json(status.pauses),
            "running": status.in_flight,
            "waiting": status.queue_length,
        }

    def _site_json(self, status: SiteStatus) -> dict[str, Any]:
        return {
            **self._state_json(status),
            "dates": date_facts_json(self.status_reader.find_site(status.guid)),
            "retries": {
                "queries": status.retry_usage.queries,
                "spent": status.retry_usage.retries,
                "left": status.retry_usage.retries_left,
            },
            "successor": status.successor or None,
            "pageSizes": [
                _page_size_json(*estimate) for estimate in sorted(status.page_size_estimates.items())
            ],
            "knownIssues": _known_issues_json(status.known_issues),
        }

    def _pauses_json(self, pauses: Mapping[str, Pause]) -> list[dict[str, Any]]:
        return [self._pause_json(name, pause) for name, pause in sorted(pauses.items())] if pauses else []

    def _pause_json(self, name: str, pause: Pause) -> dict[str, Any]:
        mount, scope_key = split_pause(name)
        key, site = caller_of(scope_key), site_of_pause(name)
        return {
            "pause": name,
            "rule": pause.rule,
            "scope": pause.scope,
            "reason": pause.code,
            "site": site or None,
            "siteName": self.status_reader.site_name(site) if site else None,
            "upstream": mount or None,
            "caller": self.status_reader.caller_name(key) if key else None,
            "since": utc_timestamp(pause.since),
            "until": utc_timestamp(pause.until),
        }


_VIEWS = ("full", "brief", "troubled")
_SELECTION = ("contains", "limit", "offset")
_VIEW_USAGE = (
    "view must be full, brief or troubled; the last two list practices, so send no site with them, and"
    " contains, limit and offset only with them."
)
_LIMIT_USAGE = "limit must be a whole number of 1 to 999999999."
_OFFSET_USAGE = "offset must be a whole number of 0 to 999999999, and needs a limit."
_RESET_USAGE = 'Send JSON like {"pause": "<name in /admin/pauses>"}. Other members are not allowed.'


def _limit(parameters: Mapping[str, str]) -> int | None:
    """Return the maximum number of rows; None without one. Raises Failure 400."""
    text = parameters.get("limit")
    if text is not None and not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise bad_request(_LIMIT_USAGE, "http.limit")
    return None if text is None else int(text)


def _offset(parameters: Mapping[str, str]) -> int:
    """Return the number of rows before the first. Raises Failure 400."""
    text = parameters.get("offset")
    if text is not None and not ("limit" in parameters and re.fullmatch("0|[1-9][0-9]{0,8}", text)):
        raise bad_request(_OFFSET_USAGE, "http.offset")
    return int(text or 0)


def _rule_json(rule: PauseRule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "scope": rule.scope,
        "seconds": rule.seconds,
        "code": rule.code or None,
        "messagePattern": rule.message_pattern or None,
        "alarm": rule.alarm,
    }


def _key_json(status: KeyStatus, now: float) -> dict[str, Any]:
    return {
        "upstream": status.upstream,
        "caller": status.caller,
        "perSecond": None if status.requests_per_second is None else round(status.requests_per_second, 2),
        "blockedUntil": utc_timestamp(now + status.blocked_seconds) if status.blocked_seconds else None,
        "waiting": status.queue_length,
    }


def _known_issues_json(issues: SiteIssues) -> dict[str, Any]:
    states = [
        {
            "issue": state.issue,
            "state": state.state,
            "since": utc_timestamp(state.since),
            "source": state.source or None,
        }
        for state in issues.states
    ]
    return {"engine": issues.engine or None, "issues": states}


def _page_size_json(name: str, estimate: PageSizeEstimate) -> dict[str, Any]:
    return {
        "search": name,
        "fits": estimate.largest_success or None,
        "fails": estimate.smallest_failure or None,
        "bytesPerMatch": round(estimate.bytes_per_match) or None,
    }
