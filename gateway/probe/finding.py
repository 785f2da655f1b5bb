"""One conclusion of a probe."""

from dataclasses import dataclass
from typing import Literal

Section = Literal["search", "search.column_time_zones", "search.date_precision", "last_updated_input"]
SettingValue = bool | str | tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A setting of a site and the evidence for its value; None: it cannot be told and the default stays.

    `certain`: false for what is only suggested, and printed as a comment. `default`: need not be written.
    """

    section: Section
    key: str
    value: SettingValue | None
    reason: str
    is_certain: bool = True
    is_default: bool = False
