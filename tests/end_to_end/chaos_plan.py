"""What goes wrong when, by a seed: a pure schedule of episodes at sites, Redis and replicas."""

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


def _said(status: int, text: str) -> dict[str, Any]:
    return {
        "kind": "answer",
        "status": status,
        "headers": APIM,
        "body": {"statusCode": status, "message": text},
    }


#: What a site can suffer, by name: a fault of the emulator's.
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
    "quota": _said(403, "Out of call volume quota. Quota will be replenished in 00:00:02."),
    "login failed": {"kind": "login-failed"},
    "500": _said(500, "Internal server error"),
    "nothing in 200": {"kind": "answer", "status": 200, "body": "", "method": "GET", "every": 2},
    "nothing in 204": {"kind": "answer", "status": 204, "body": "", "method": "GET", "every": 2},
    "502 in HTML": {"kind": "answer", "status": 502, "body": "<html>Bad gateway</html>"},
} | {
    f"error in 200, form {number}": {"kind": "answer", "status": 200, "body": body, "every": 2}
    for number, body in enumerate(ERRORS_IN_200, 1)
}
#: What the way to a site can suffer before anything is sent.
WAY_FAULTS = ("refused", "reset before sending", "cut")
#: What may hit the gateway's own machines.
OWN_FAULTS = ("redis stopped", "replica killed", "redis frozen", "replica killed")


@dataclass(frozen=True)
class Episode:
    """One thing that goes wrong from `start` to `end` (seconds of the run); `site` is empty for our own."""

    start: float
    end: float
    name: str
    site: str = ""


@dataclass(frozen=True)
class Plan:
    """A run of `seconds`, in which everything goes `factor` times as fast as in a practice's day."""

    seed: int
    seconds: float
    factor: float

    @property
    def calm(self) -> float:
        """Seconds at the beginning in which nothing goes wrong: the baseline."""
        return max(4.0, self.seconds * 0.15)

    def scaled(self, seconds: float, least: float = 0.0) -> float:
        """A time of real life as this run has it."""
        return max(least, seconds / self.factor)

    def episodes(self, sites: dict[str, bool]) -> list[Episode]:
        """Everything that goes wrong, by start; `sites` says whether the way to each can fail, too."""
        random, found = Random(self.seed), list(self._own(Random(f"{self.seed} own")))
        deck = _deck(random, tuple(SITE_FAULTS))
        for site, way in sites.items():
            ways = _deck(random, WAY_FAULTS)
            for number, (start, end) in enumerate(self._times(random)):
                name = next(ways) if way and number % 3 == 1 else next(deck)
                found.append(Episode(start, end, name, site))
        return sorted(found, key=lambda each: each.start)

    def _times(self, random: Random) -> Iterator[tuple[float, float]]:
        """Episodes of 20 to 90 seconds of real life with pauses of 10 to 60."""
        now = self.calm
        while now < self.seconds - self.scaled(20):
            end = min(self.seconds, now + self.scaled(random.uniform(20, 90)))
            yield now, end
            now = end + self.scaled(random.uniform(10, 60))

    def _own(self, random: Random) -> Iterator[Episode]:
        """One trouble of our own at a time, each kind at least once."""
        rest = self.seconds - self.calm
        number = max(len(OWN_FAULTS), int(rest // 25))
        each = rest / number
        for place in range(number):
            start = self.calm + each * (place + random.uniform(0, 0.2))
            yield Episode(start, start + each * random.uniform(0.2, 0.5), OWN_FAULTS[place % len(OWN_FAULTS)])


def _deck(random: Random, names: tuple[str, ...]) -> Iterator[str]:
    """Each name once in every round."""
    while True:
        yield from random.sample(names, len(names))
