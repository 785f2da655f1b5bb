"""An app of an integrator: what its requests are for, and how old the data may be that it accepts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Purpose = Literal["display", "interactive", "booking", "clinical", "sync"]
#: Name of all requests that are of no configured app.
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class App:
    """One app; `accepted_ages`: seconds by resource type, within the ceilings of the types."""

    name: str
    purpose: Purpose = "interactive"
    accepted_ages: Mapping[str, int] = field(default_factory=dict)
    is_batch: bool = False
