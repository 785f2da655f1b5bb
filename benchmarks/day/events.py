"""Events of a day: requests of apps and changes in the practice. Times in seconds of the day."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.day.asgi_client import Request

HOUR = 3600.0
Resource = dict[str, Any]


@dataclass(frozen=True, order=True)
class Call:
    """A request of an app; with `pages` the app follows the links to the last page."""

    at: float
    kind: str
    request: Request = field(compare=False)
    pages: bool = field(default=False, compare=False)


@dataclass(frozen=True, order=True)
class Change:
    """A change by the practice software: `changes` replace elements of the resource."""

    at: float
    type: str
    id: str
    changes: Resource = field(compare=False)


Event = Call | Change
