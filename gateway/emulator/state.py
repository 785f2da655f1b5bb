"""State of a running emulator."""

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.emulator.billing import Bill, Journal
from gateway.emulator.errors import NO_OPERATION
from gateway.emulator.injected_faults import FaultRule, FaultRules
from gateway.emulator.practice import Practice, current_utc_time
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import RELOCATED_SITE, SITES, Site
from gateway.emulator.sql.store import SqlStore

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class EmulatorState:
    """Settings in force, practices, fault rules, bill, journal; desktop tokens with their device and site."""

    def __init__(self, settings: EmulatorSettings, clock: Callable[[], datetime] = current_utc_time) -> None:
        self.initial_settings = settings
        self.clock = clock
        self.sql = SqlStore()
        self.reset()

    def reset(self) -> None:
        """Restore the initial settings and data, and clear everything else."""
        self.settings = self.initial_settings
        self.practices = {guid: Practice(site, self.settings, self.clock) for guid, site in SITES.items()}
        self.fault_rules = FaultRules[FaultRule]()
        self.bill = Bill()
        self.journal: Journal = deque(maxlen=self.settings.keep_requests)
        self.sql.close()
        self.sql = SqlStore()
        self.desktop_tokens: dict[str, tuple[str, str]] = {}

    def require_site(self, guid: str) -> Site:
        """Find a GUID's site. Raises Refusal: 400 if empty, 404 malformed, 403 relocated, 401 unknown."""
        if not guid:
            raise Refusal("flat", 400, "Halo GUID must be provided.", "required")
        if not _GUID.fullmatch(guid):
            raise Refusal("apim", 404, NO_OPERATION, "not-found")
        if guid.lower() == RELOCATED_SITE:
            raise Refusal("wrapped", 403, "Site is not authoritative.", "forbidden")
        if guid.lower() not in SITES:
            raise Refusal("wrapped", 401, "Halo GUID is inactive or does not exist.", "login")
        return SITES[guid.lower()]
