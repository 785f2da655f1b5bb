"""Conclusion of a probe about one setting."""

from dataclasses import dataclass
from typing import Literal

Section = Literal["search", "search.column_time_zones", "search.date_precision", "last_updated_input"]
SettingValue = bool | str | tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A setting of a site and the evidence for its value. With the value None the default stays.

    The report prints a finding as a comment unless `is_certain`.
    """

    section: Section
    key: str
    value: SettingValue | None
    reason: str
    is_certain: bool = True
