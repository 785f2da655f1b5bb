"""State of a running emulator of HaloITSM."""

from collections import deque
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Any, Final, NamedTuple

from gateway.emulator.halo_itsm.data import make_tables
from gateway.emulator.halo_itsm.errors import UNAUTHORISED, ItsmRefusal, rate_error
from gateway.emulator.halo_itsm.faults import ItsmFault
from gateway.emulator.halo_itsm.settings import HaloItsmSettings
from gateway.emulator.injected_faults import FaultRules

#: Tokens that are remembered; the oldest is forgotten first.
_MAX_TOKENS: Final = 1_000


class Grant(NamedTuple):
    """What a token grants: to which API client, for which scopes, until when (seconds of the clock)."""

    client_id: str
    scopes: frozenset[str]
    expires_at: float


class ItsmState:
    """Settings in force, records, tokens, times of recent requests, faults on demand, and journal.

    `clock`: seconds that never go back.
    """

    def __init__(self, settings: HaloItsmSettings, clock: Callable[[], float]) -> None:
        self.initial_settings = settings
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Restore the initial settings and data, and clear everything else. Tokens stay valid no longer."""
        self.settings = self.initial_settings
        self.tables = make_tables(self.settings.seed, self.settings.tickets)
        self.files: dict[int, bytes] = {}
        self.tokens: dict[str, Grant] = {}
        self.request_times: dict[str, deque[float]] = {}
        self.fault_rules = FaultRules[ItsmFault]()
        self.journal: deque[dict[str, Any]] = deque(maxlen=self.settings.keep_requests)

    def issue_token(self, client_id: str, scopes: frozenset[str]) -> str:
        """Return a new token."""
        while len(self.tokens) >= _MAX_TOKENS:
            del self.tokens[next(iter(self.tokens))]
        token = token_urlsafe(24)
        self.tokens[token] = Grant(client_id, scopes, self.clock() + self.settings.token_seconds)
        return token

    def require_grant(self, authorization: str) -> Grant:
        """Return what the token of a header field grants. Raises ItsmRefusal 401."""
        scheme, _, token = authorization.partition(" ")
        grant = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None or grant.expires_at <= self.clock():
            raise ItsmRefusal(UNAUTHORISED)
        return grant

    def count_request(self, client_id: str) -> None:
        """Count a request of an API client. Raises ItsmRefusal 429; a refused request does not count."""
        windows, now = self.settings.rate_windows, self.clock()
        times = self.request_times.setdefault(client_id, deque())
        longest = max((window.seconds for window in windows), default=0)
        while times and times[0] <= now - longest:
            times.popleft()
        for window in windows:
            if sum(time > now - window.seconds for time in times) >= window.requests:
                raise ItsmRefusal(rate_error(window))
        times.append(now)
