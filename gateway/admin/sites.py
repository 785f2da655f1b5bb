"""`/admin/sites` and `/admin/pauses`: how each practice is and why, and ending what holds it up."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import (
    SiteNames,
    bad_request,
    json_body,
    json_response,
    query_parameters,
    utc_timestamp,
)
from gateway.admin.site_status import CIRCUIT, KeyStatus, SiteStatus, SiteStatusReader
from gateway.paging.page_size import PageSizeEstimate
from gateway.resilience.pause_rules import Pause, PauseRule, caller_of, site_of

_log = structlog.get_logger()


class ResetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to end: one pause by its name, or all that holds a practice up."""

    pause: str = ""


@dataclass(frozen=True, slots=True)
class SiteEndpoints:
    """The practices, the keys, and the pauses."""

    status_reader: SiteStatusReader
    site_names: SiteNames
    now: Callable[[], datetime]

    def endpoints(self) -> EndpointTable:
        """The endpoints."""
        return {
            ("GET", "/admin/sites"): self.get_sites,
            ("POST", "/admin/sites/{siteId}/reset"): self.reset_site,
            ("GET", "/admin/pauses"): self.get_pauses,
            ("POST", "/admin/pauses/clear"): self.clear_pause,
        }

    async def get_sites(self, request: Request) -> Response:
        """Every practice, or one, and every key. Raises Failure 400."""
        site = query_parameters(request, ("site",)).get("site", "")
        states = await self.status_reader.site_statuses(self.site_names.require_guid(site) if site else "")
        keys = [_key_json(each, self.status_reader.now()) for each in await self.status_reader.key_statuses()]
        return json_response({"sites": [self._site_json(each) for each in states], "keys": keys}, self.now())

    async def get_pauses(self, request: Request) -> Response:
        """The rules in force, the first that fits counts, and what is paused. Raises Failure 400."""
        query_parameters(request, ())
        rules = [_rule_json(each) for each in self.status_reader.pause_rules]
        return json_response(
            {"rules": rules, "pauses": self._pauses_json(await self.status_reader.pauses())}, self.now()
        )

    async def reset_site(self, request: Request) -> Response:
        """End the rest and the pauses of a practice, or one of its pauses. Raises Failure 400."""
        site, asked = (
            self.site_names.require_guid(request.path_params["siteId"]),
            await json_body(request, ResetRequest, _RESET_USAGE),
        )
        if asked.pause and site_of(asked.pause) != site:
            raise bad_request("That pause is not of this practice: /admin/pauses names all.", "pause")
        return self._reset_response(site, await self.status_reader.reset_site(site, asked.pause))

    async def clear_pause(self, request: Request) -> Response:
        """End one pause, whatever its scope. Raises Failure 400."""
        asked = await json_body(request, ResetRequest, _RESET_USAGE)
        if not asked.pause:
            raise bad_request(_RESET_USAGE, "pause")
        return self._reset_response("", await self.status_reader.reset_site("", asked.pause))

    def _reset_response(self, site: str, reset_items: list[str]) -> Response:
        for each in reset_items:
            guid = site or site_of(each)
            _log.info(
                _RESET_EVENTS[each == CIRCUIT],
                site=self.site_names.display_name(guid),
                what=each.partition(":")[0],
            )
        return json_response({"reset": reset_items}, self.now())

    def _site_json(self, status: SiteStatus) -> dict[str, Any]:
        now, rest = self.status_reader.now(), status.circuit
        return {
            "site": status.guid,
            "name": status.name,
            "configured": status.is_configured,
            "state": rest.state(now),
            "until": utc_timestamp(rest.open_until),
            "secondsLeft": math.ceil(rest.seconds_until_half_open(now)),
            "reason": rest.reason or None,
            "failures": rest.failures,
            "timesOpened": rest.times_opened,
            "pauses": self._pauses_json(status.pauses),
            "retries": {
                "queries": status.retry_usage.queries,
                "spent": status.retry_usage.retries,
                "left": status.retry_usage.retries_left,
            },
            "successor": status.successor or None,
            "pageSizes": [
                _page_size_json(name, fit) for name, fit in sorted(status.page_size_estimates.items())
            ],
            "running": status.in_flight,
            "waiting": status.queue_length,
        }

    def _pauses_json(self, pauses: Mapping[str, Pause]) -> list[dict[str, Any]]:
        return [self._pause_json(name, each) for name, each in sorted(pauses.items())]

    def _pause_json(self, name: str, pause: Pause) -> dict[str, Any]:
        key = caller_of(name)
        return {
            "pause": name,
            "rule": pause.rule,
            "scope": pause.scope,
            "reason": pause.code,
            "site": site_of(name) or None,
            "caller": self.status_reader.caller_name(key) if key else None,
            "since": utc_timestamp(pause.since),
            "until": utc_timestamp(pause.until),
        }


#: Log event of a cleared pause and of a closed circuit.
_RESET_EVENTS = ("pause-cleared", "circuit-reset")
_RESET_USAGE = 'Send JSON like {"pause": "<its name in /admin/pauses>"}; nothing else may be in.'


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


def _page_size_json(name: str, estimate: PageSizeEstimate) -> dict[str, Any]:
    return {
        "search": name,
        "fits": estimate.largest_success or None,
        "fails": estimate.smallest_failure or None,
        "bytesPerMatch": round(estimate.bytes_per_match) or None,
    }
