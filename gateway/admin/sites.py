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

from gateway.admin.endpoints import Pages
from gateway.admin.requests import Names, bad, content, moment, parameters, shown
from gateway.admin.site_status import KeyState, SiteState, States
from gateway.paging.page_size import Fit
from gateway.resilience.pause_rules import Pause, Rule, caller_of, scoped_to

_log = structlog.get_logger()


class Lift(msgspec.Struct, forbid_unknown_fields=True):
    """What to end: one pause by its name, or all that holds a practice up."""

    pause: str = ""


@dataclass(frozen=True, slots=True)
class SitePages:
    """The practices, the keys, and the pauses."""

    states: States
    names: Names
    now: Callable[[], datetime]

    def pages(self) -> Pages:
        """The endpoints."""
        return {
            ("GET", "/admin/sites"): self.sites,
            ("POST", "/admin/sites/{siteId}/lift"): self.lift,
            ("GET", "/admin/pauses"): self.pauses,
            ("POST", "/admin/pauses/lift"): self.lift_pause,
        }

    async def sites(self, request: Request) -> Response:
        """Every practice, or one, and every key. Raises Failure 400."""
        site = parameters(request, ("site",)).get("site", "")
        states = await self.states.sites(self.names.checked(site) if site else "")
        keys = [_key(each, self.states.now()) for each in await self.states.keys()]
        return shown({"sites": [self._site(each) for each in states], "keys": keys}, self.now())

    async def pauses(self, request: Request) -> Response:
        """The rules in force, the first that fits counts, and what is paused. Raises Failure 400."""
        parameters(request, ())
        rules = [_rule(each) for each in self.states.rules]
        return shown({"rules": rules, "pauses": self._pauses(await self.states.pauses())}, self.now())

    async def lift(self, request: Request) -> Response:
        """End the rest and the pauses of a practice, or one of its pauses. Raises Failure 400."""
        site, asked = self.names.checked(request.path_params["siteId"]), await content(request, Lift, _LIFT)
        if asked.pause and scoped_to(asked.pause) != site:
            raise bad("That pause is not of this practice: /admin/pauses names all.", "pause")
        return self._lifted(site, await self.states.lift(site, asked.pause))

    async def lift_pause(self, request: Request) -> Response:
        """End one pause, whatever its scope. Raises Failure 400."""
        asked = await content(request, Lift, _LIFT)
        if not asked.pause:
            raise bad(_LIFT, "pause")
        return self._lifted("", await self.states.lift("", asked.pause))

    def _lifted(self, site: str, lifted: list[str]) -> Response:
        for each in lifted:
            guid = site or scoped_to(each)
            _log.info("lifted", site=self.names.alias(guid), what=each.partition(":")[0])
        return shown({"lifted": lifted}, self.now())

    def _site(self, each: SiteState) -> dict[str, Any]:
        now, rest = self.states.now(), each.rest
        return {
            "site": each.guid,
            "name": each.name,
            "configured": each.configured,
            "state": rest.state(now),
            "until": moment(rest.until),
            "secondsLeft": math.ceil(rest.left(now)),
            "reason": rest.reason or None,
            "failures": rest.failures,
            "rests": rest.rests,
            "pauses": self._pauses(each.pauses),
            "retries": {"queries": each.spent.queries, "spent": each.spent.retries, "left": each.spent.left},
            "successor": each.successor or None,
            "pageSizes": [_fit(name, fit) for name, fit in sorted(each.fits.items())],
            "running": each.running,
            "waiting": each.waiting,
        }

    def _pauses(self, pauses: Mapping[str, Pause]) -> list[dict[str, Any]]:
        return [self._pause(name, each) for name, each in sorted(pauses.items())]

    def _pause(self, name: str, each: Pause) -> dict[str, Any]:
        key = caller_of(name)
        return {
            "pause": name,
            "rule": each.rule,
            "scope": each.scope,
            "reason": each.code,
            "site": scoped_to(name) or None,
            "caller": self.states.caller(key) if key else None,
            "since": moment(each.since),
            "until": moment(each.until),
        }


_LIFT = 'Send JSON like {"pause": "<its name in /admin/pauses>"}; nothing else may be in.'


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "scope": rule.scope,
        "seconds": rule.seconds,
        "code": rule.code or None,
        "says": rule.says or None,
        "alarm": rule.alarm,
    }


def _key(each: KeyState, now: float) -> dict[str, Any]:
    return {
        "upstream": each.upstream,
        "caller": each.caller,
        "perSecond": None if each.rate is None else round(each.rate, 2),
        "blockedUntil": moment(now + each.blocked) if each.blocked else None,
        "waiting": each.waiting,
    }


def _fit(name: str, fit: Fit) -> dict[str, Any]:
    return {
        "search": name,
        "fits": fit.fits or None,
        "fails": fit.fails or None,
        "bytesPerMatch": round(fit.each) or None,
    }
