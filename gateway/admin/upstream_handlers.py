"""State of the handlers of one upstream, which operators see and change."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.http.callers import CallerNames
from gateway.paging.page_sizer import PageSizer
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit_breaker import CircuitRegistry
from gateway.resilience.learned_rate import LearnedRate
from gateway.resilience.pause_rules import RATE_LIMIT, Pause, site_of
from gateway.resilience.pauses import PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry_budget import RetryBudget
from gateway.sites.issue_states import IssueStates
from gateway.sites.mounted_names import mounted_name, split_pause
from gateway.sites.relocation import SiteRelocation
from gateway.upstreams.failures import RATE_LIMITED


class PracticeHandlers(NamedTuple):
    """Handlers of Halo Connect only."""

    site_relocation: SiteRelocation
    page_sizer: PageSizer


@dataclass(frozen=True, slots=True)
class UpstreamHandlers:
    """State of the handlers of one upstream; `practices` is None if it is mounted and no Halo Connect.

    `mount`: its name in `upstreams`; empty for the first Halo Connect.
    """

    upstream: str
    circuits: CircuitRegistry
    pauses: PauseRegistry
    rate_limits: RateLimits
    retry_budget: RetryBudget
    rate_limiter: RateLimiter
    bulkhead: Bulkhead
    caller_names: CallerNames
    issue_states: IssueStates
    practices: PracticeHandlers | None = None
    mount: str = ""

    @property
    def mount_of_practices(self) -> str:
        """Name of the mount before those of its practices; empty if it has none, or is the first."""
        return self.mount if self.practices else ""

    def pause_name(self, scope_key: str) -> str:
        """Return the name of a pause for operators; a mount that is one site is in its scope key."""
        return mounted_name(self.mount_of_practices if site_of(scope_key) else self.mount, scope_key)

    async def named_pauses(self) -> dict[str, Pause]:
        """Return the active pauses by name, and the keys that the upstream's Retry-After blocks."""
        blocked = (await self.rate_limits.blocked_keys()).items()
        keys = {f"{RATE_LIMIT}:{key}": _rate_limit_pause(rate) for key, rate in blocked}
        pauses = await self.pauses.active_pauses() | keys
        return {self.pause_name(scope_key): pause for scope_key, pause in pauses.items()}

    async def clear_pause(self, name: str) -> bool:
        """End a pause, or the block of a key; return whether it was active."""
        _, scope_key = split_pause(name)
        if self.pause_name(scope_key) != name:
            return False
        scope, _, key = scope_key.partition(":")
        return await (
            self.rate_limits.end_block(key) if scope == RATE_LIMIT else self.pauses.clear_pause(scope_key)
        )


def site_of_pause(name: str) -> str:
    """Return the key of the site in the name of a pause; empty if it is not limited to one."""
    mount, scope_key = split_pause(name)
    return mounted_name(mount, site_of(scope_key))


def _rate_limit_pause(rate: LearnedRate) -> Pause:
    return Pause(RATE_LIMIT, "caller", RATE_LIMITED.code, "", rate.lowered_at, rate.blocked_until)
