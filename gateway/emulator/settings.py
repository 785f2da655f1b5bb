"""Every switch of the emulator: what is broken on purpose, and readings of what Halo leaves open."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway.emulator.sites import SITES

DOCUMENTED_FAULTS: Final = (
    "search-date-format",
    "link-include-params",
    "link-base-url",
    "reference-base-url",
    "last-updated-offset",
    "error-envelope",
    "inactive-records",
    "capability-statement",
)
"""The documented known issues, each under the id of the gateway's repair that undoes it."""

LastUpdatedStyle = Literal[
    "ok", "offset", "naive", "naive-7", "local-labelled-utc", "utc-labelled-local", "fixed-standard-offset"
]
LinkForm = Literal[
    "absolute-public", "absolute-internal", "api", "integrator", "desktop", "root-relative", "query-only"
]

DEFAULT_LAST_UPDATED_STYLES: Final[dict[str, LastUpdatedStyle]] = {
    "Patient": "naive",
    "Practitioner": "offset",
    "Appointment": "naive-7",
    "Slot": "ok",
    "Observation": "offset",
    "Condition": "naive",
    "DocumentReference": "naive-7",
}
"""Default style of `meta.lastUpdated` per resource type; a type not listed is `ok` (UTC with `Z`)."""


class FrozenSettings(BaseModel):
    """Settings that refuse unknown names and never change; a change is a new object."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Variants(FrozenSettings):
    """One reading of everything Halo's documentation leaves open."""

    link_form: LinkForm = "absolute-internal"
    paging: Literal["token", "offset", "page"] = "token"
    previous_relation: Literal["previous", "prev"] = "previous"
    first_and_last: bool = True
    date_model: Literal["naive-sql", "r4-a", "r4-b"] = "naive-sql"
    repeats: Literal["and", "first", "refuse"] = "and"
    comma: Literal["or", "first", "refuse"] = "or"
    sa_eb: bool = True
    period_model: Literal["r4", "overlap", "start-only"] = "r4"
    partial_dates: Literal["first-instant", "null"] = "first-instant"
    column_zones: dict[str, Literal["site", "utc"]] = Field(default_factory=dict)
    last_updated: dict[str, LastUpdatedStyle] = Field(
        default_factory=lambda: dict(DEFAULT_LAST_UPDATED_STYLES)
    )
    unknown_parameter: Literal["ignore", "refuse"] = "ignore"
    drop_date_filters: bool = False
    self_shows_dropped: bool = False
    vread: bool = False


class SiteOverride(FrozenSettings):
    """What one site does differently: faults and variants laid over the general ones, and its size limit."""

    faults: dict[str, bool] = Field(default_factory=dict)
    variants: dict[str, Any] = Field(default_factory=dict)
    size_limit: int | None = None


class EmulatorSettings(FrozenSettings):
    """All switches. `faults` lists only what differs from "on"; `sites` is keyed by Halo GUID."""

    seed: int = 2026
    patients: int = Field(default=300, ge=5, le=20_000)
    documents: int = Field(default=110, ge=0, le=2_000)
    keys: tuple[str, ...] = ("demo-key", "other-key")
    keep_requests: int = 2_000
    now: datetime | None = None
    public_url: str = "https://api.haloconnect.io"
    internal_url: str = "http://fhir-engine.halo.internal:8080"
    faults: dict[str, bool] = Field(default_factory=dict)
    variants: Variants = Variants()
    sites: dict[str, SiteOverride] = Field(default_factory=dict)

    @field_validator("faults")
    @classmethod
    def validate_faults(cls, faults: dict[str, bool]) -> dict[str, bool]:
        """The faults as given. Raises ValueError when one is not listed in `FAULTS`."""
        if unknown := sorted(set(faults) - set(DOCUMENTED_FAULTS)):
            raise ValueError(f"no such fault: {', '.join(unknown)}; known: {', '.join(DOCUMENTED_FAULTS)}")
        return faults

    @field_validator("sites")
    @classmethod
    def validate_overrides(cls, sites: dict[str, SiteOverride]) -> dict[str, SiteOverride]:
        """The overrides as given. Raises ValueError for an unknown site, fault or variant."""
        if unknown := sorted(set(sites) - set(SITES)):
            raise ValueError(f"no such site: {', '.join(unknown)}; known: {', '.join(SITES)}")
        for override in sites.values():
            cls.validate_faults(override.faults)
            Variants.model_validate(override.variants)
        return sites

    def site_override(self, guid: str) -> SiteOverride:
        """What one site does differently."""
        return self.sites.get(guid, SiteOverride())

    def is_fault_enabled(self, fault: str, guid: str) -> bool:
        """Whether a documented fault is on at a site."""
        return self.site_override(guid).faults.get(fault, self.faults.get(fault, True))

    def variants_at(self, guid: str) -> Variants:
        """The variants in force at a site."""
        changes = self.site_override(guid).variants
        return Variants.model_validate(self.variants.model_dump() | changes) if changes else self.variants


def from_toml(path: Path | None) -> EmulatorSettings:
    """Settings read from a TOML file. Raises ValueError with a line for each problem, OSError."""
    if path is None:
        return EmulatorSettings()
    try:
        return EmulatorSettings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as problem:
        errors = problem.errors(include_input=False, include_url=False)
        lines = [
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"
            for error in errors
        ]
        raise ValueError("\n".join([f"{path} has problems:", *lines])) from None
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None


def apply_merge_patch(settings: EmulatorSettings, changes: dict[str, Any]) -> EmulatorSettings:
    """Settings after a deep merge of `changes` (as in JSON Merge Patch, RFC 7396).

    Raises pydantic.ValidationError for an unknown name or value.
    """
    return EmulatorSettings.model_validate(_merge_patch(settings.model_dump(), changes))


def _merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge_patch(result.get(name), value)
    return result
