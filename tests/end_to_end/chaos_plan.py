"""Schedule of faults at sites, Redis and replicas, generated from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

APIM = {"content-type": "application/json"}
ERRORS_IN_200: tuple[object, ...] = (
    {"errorCode": 1, "errorMessage": "SqlExecutionFailed"},
    {"errorDetails": {"errorType": "haloLink", "errorCode": 0, "errorMessage": "ClientConnectionFailure"}},
    {"error": {"status": 503, "statusText": "Service Unavailable", "message": "Site could not be contacted"}},
    {"statusCode": 500, "message": "Internal server error"},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    '{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Pat',
    "<html><body>Bad gateway</body></html>",
    "null",
    "[]",
    "{}",
)


def _error_response(status: int, text: str) -> dict[str, Any]:
    return {
        "kind": "answer",
        "status": status,
        "headers": APIM,
        "body": {"statusCode": status, "message": text},
    }


#: Faults of a site by name, as faults of the emulator.
SITE_FAULTS: dict[str, dict[str, Any]] = {
    "offline": {"kind": "offline"},
    "no contact": {"kind": "no-contact"},
    "unreachable": {"kind": "unreachable"},
    "now and then no contact": {"kind": "no-contact", "every": 3},
    "slow query": {"kind": "slow-query", "every": 2},
    "reset": {"kind": "reset", "every": 2},
    "answer lost": {"kind": "lost", "every": 2},
    "truncated": {"kind": "truncate", "every": 2},
    "hang": {"kind": "hang", "every": 3},
    "late": {"kind": "delay", "delay": 0.7},
    "slow body": {"kind": "drip", "delay": 1.5},
    "endless body": {"kind": "drip", "delay": 60.0, "every": 4},
    "too large": {"kind": "too-large"},
    "now and then too large": {"kind": "too-large", "every": 2},
    "result lost": {"kind": "answer", "status": 406, "every": 3},
    "429": {"kind": "rate-limit", "per_second": 3},
    "quota": _error_response(403, "Out of call volume quota. Quota will be replenished in 00:00:02."),
    "login failed": {"kind": "login-failed"},
    "500": _error_response(500, "Internal server error"),
    "nothing in 200": {"kind": "answer", "status": 200, "body": "", "method": "GET", "every": 2},
    "nothing in 204": {"kind": "answer", "status": 204, "body": "", "method": "GET", "every": 2},
    "502 in HTML": {"kind": "answer", "status": 502, "body": "<html>Bad gateway</html>"},
} | {
    f"error in 200, form {number}": {"kind": "answer", "status": 200, "body": body, "every": 2}
    for number, body in enumerate(ERRORS_IN_200, 1)
}
#: Faults of the relay to a site.
RELAY_FAULTS = ("refused", "reset before sending", "cut")
#: Faults of Redis and the replicas.
GATEWAY_FAULTS = ("redis stopped", "replica killed", "redis frozen", "replica killed")


@dataclass(frozen=True)
class Episode:
    """A fault from `start` to `end` (seconds of the run); `site` is empty for Redis and replicas."""

    start: float
    end: float
    name: str
    site: str = ""


@dataclass(frozen=True)
class Plan:
    """A run of `seconds`, in which everything is `factor` times as fast as in reality."""

    seed: int
    seconds: float
    factor: float

    @property
    def fault_free_seconds(self) -> float:
        """Seconds at the beginning without faults, as the baseline."""
        return max(4.0, self.seconds * 0.15)

    def scale(self, seconds: float, minimum: float = 0.0) -> float:
        """Scale seconds of reality to this run."""
        return max(minimum, seconds / self.factor)

    def episodes(self, sites: dict[str, bool]) -> list[Episode]:
        """All episodes by start; `sites` says whether the site has a relay that can fail."""
        random, episodes = Random(self.seed), list(self._gateway_episodes(Random(f"{self.seed} own")))
        site_faults = _shuffled_names(random, tuple(SITE_FAULTS))
        for site, relay in sites.items():
            relay_faults = _shuffled_names(random, RELAY_FAULTS)
            for number, (start, end) in enumerate(self._episode_times(random)):
                name = next(relay_faults) if relay and number % 3 == 1 else next(site_faults)
                episodes.append(Episode(start, end, name, site))
        return sorted(episodes, key=lambda episode: episode.start)

    def _episode_times(self, random: Random) -> Iterator[tuple[float, float]]:
        """Start and end of episodes of 20 to 90 seconds of reality, with pauses of 10 to 60 seconds."""
        now = self.fault_free_seconds
        while now < self.seconds - self.scale(20):
            end = min(self.seconds, now + self.scale(random.uniform(20, 90)))
            yield now, end
            now = end + self.scale(random.uniform(10, 60))

    def _gateway_episodes(self, random: Random) -> Iterator[Episode]:
        """Episodes of Redis and the replicas, one at a time, each kind at least once."""
        seconds = self.seconds - self.fault_free_seconds
        number = max(len(GATEWAY_FAULTS), int(seconds // 25))
        interval = seconds / number
        for index in range(number):
            start = self.fault_free_seconds + interval * (index + random.uniform(0, 0.2))
            yield Episode(
                start,
                start + interval * random.uniform(0.2, 0.5),
                GATEWAY_FAULTS[index % len(GATEWAY_FAULTS)],
            )


def _shuffled_names(random: Random, names: tuple[str, ...]) -> Iterator[str]:
    """Endless sequence with each name once in every round."""
    while True:
        yield from random.sample(names, len(names))
