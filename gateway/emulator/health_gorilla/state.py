"""State of a running emulator of Health Gorilla."""

import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_hex
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from gateway.emulator.health_gorilla.data import Resource, Tables, generate_tables
from gateway.emulator.health_gorilla.errors import RATE_TEXT, GorillaError
from gateway.emulator.health_gorilla.faults import GorillaFault
from gateway.emulator.health_gorilla.settings import HealthGorillaSettings
from gateway.emulator.injected_faults import FaultRules

#: Entries of each table that requests can fill; the oldest goes first.
MAX_ENTRIES: Final = 1_000


@lru_cache(maxsize=4)
def _generate_tables(patients: int) -> Tables:
    return generate_tables(patients)


@dataclass
class Job:
    """An asynchronous request: its client, its result, and the polls until it is given."""

    client: str
    result: Response
    polls_left: int
    is_p360: bool = False


class FirstResponse(NamedTuple):
    """Response to the first POST with an idempotency key: expiry, digest of the request, response."""

    expires: float
    digest: str
    response: Response


class GorillaState:
    """Settings, resources, tokens, jobs, first responses of keys, faults and the journal."""

    def __init__(self, settings: HealthGorillaSettings, clock: Callable[[], float] = time.time) -> None:
        self.initial_settings = settings
        self.clock = clock
        self._link_key = token_hex(16).encode()
        self.reset()

    def reset(self) -> None:
        """Restore the initial settings and data, and forget everything else."""
        self.settings = self.initial_settings
        self.tables: Tables = deepcopy(_generate_tables(self.settings.patients))
        self.tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.jobs: OrderedDict[str, Job] = OrderedDict()
        self.first_responses: OrderedDict[tuple[str, str], FirstResponse] = OrderedDict()
        self.fault_rules = FaultRules[GorillaFault]()
        self.journal: deque[dict[str, Any]] = deque(maxlen=self.settings.keep_requests)
        self._recent: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def find(self, resource_type: str, identity: str) -> Resource:
        """Return a resource. Raises GorillaError (404)."""
        found = self.tables.get(resource_type, {}).get(identity)
        if found is None:
            raise GorillaError("not-found", f"{resource_type}/{identity} could not be resolved. Not found")
        return found

    def add_token(self, token: str, client: str) -> None:
        """Make an access token valid."""
        add_bounded(self.tokens, token, (client, self.clock() + self.settings.token_seconds))

    def client_of(self, token: str) -> str:
        """Return the client of an access token. Raises GorillaError (401) if the token is not valid."""
        if token in self.settings.tokens:
            return self.settings.tokens[token]
        client, expires = self.tokens.get(token, ("", 0.0))
        if expires <= self.clock():
            raise GorillaError("invalid-token")
        return client

    def take_turn(self, client: str, endpoint: str) -> dict[str, str]:
        """Count a request of a client to an endpoint; the headers of its rate. Raises GorillaError (429)."""
        limit = self.settings.requests_per_second
        if not limit:
            return {}
        now, key = self.clock(), (client, endpoint)
        times = self._recent.get(key) or deque()
        add_bounded(self._recent, key, times)
        while times and times[0] <= now - 1:
            times.popleft()
        headers = {"x-ratelimit-limit": str(limit)}
        if len(times) >= limit:
            raise GorillaError("rate-limit", RATE_TEXT, headers=headers)
        times.append(now)
        return headers | {"x-ratelimit-remaining": str(limit - len(times))}

    def download_path(self, binary: str) -> str:
        """Return the path of a temporary link to a Binary's content."""
        expires = str(int(self.clock() + self.settings.link_seconds))
        return f"/download/{binary}.{expires}.{self._signature(binary, expires)}"

    def linked_binary(self, name: str) -> Resource:
        """Return the Binary of a temporary link. Raises GorillaError: 404, or 454 if the link has expired."""
        binary, _, rest = name.partition(".")
        expires, _, signature = rest.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(binary, expires).encode()):
            raise GorillaError("not-found")
        if int(expires) <= self.clock():
            raise GorillaError("link-expired")
        return self.find("Binary", binary)

    def _signature(self, binary: str, expires: str) -> str:
        return hmac.new(self._link_key, f"{binary}.{expires}".encode(), "sha256").hexdigest()[:32]


def add_bounded(table: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    """Put a value into a table, and drop the oldest if the table is full."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > MAX_ENTRIES:
        table.popitem(last=False)
