"""What happens in a day: an app asks, or the practice changes what it holds. Times in seconds of the day."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.day.asking import Request

HOUR = 3600.0
Resource = dict[str, Any]


@dataclass(frozen=True, order=True)
class Call:
    """An app asks; `pages`: it follows the links to the end."""

    at: float
    kind: str
    request: Request = field(compare=False)
    pages: bool = field(default=False, compare=False)


@dataclass(frozen=True, order=True)
class Change:
    """The practice software changes a row: `changes` are laid over what it holds then."""

    at: float
    type: str
    id: str
    changes: Resource = field(compare=False)


Event = Call | Change
