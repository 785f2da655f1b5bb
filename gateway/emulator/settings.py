"""Settings of the emulator: documented faults, and variants of behaviour that Halo does not document."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from gateway.emulator.frozen_settings import FrozenSettings
from gateway.emulator.rendering import LastUpdatedStyle as LastUpdatedStyle  # noqa: PLC0414 - one of the settings
from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.sites import SITES
from gateway.emulator.sql.procedures import DEFAULT_PROCEDURES, Procedure

#: The documented known issues, by the id of the gateway's repair for each.
DOCUMENTED_FAULTS: Final = (
    "search-date-format",
    "link-include-params",
    "link-base-url",
    *RESOURCE_FAULTS,
    "error-envelope",
    "inactive-records",
    "capability-statement",
    "sql-parameter-conversion",
)

LinkForm = Literal[
    "absolute-public",
    "absolute-internal",
    "api",
    "integrator",
    "desktop",
    "root-relative",
    "path-relative",
    "query-only",
]
Paging = Literal["token", "strict-token", "offset", "page"]
SelfForm = Literal["used", "bare", "partial", "respelled", "absent"]
Totals = Literal["accurate", "absent", "page", "excessive"]
NextLink = Literal["right", "absent", "itself"]
ETags = Literal["none", "content", "constant", "changing"]
StoredPrecision = Literal["day", "month", "year", "mixed"]
SqlConversionError = Literal["at-submission", "as-state"]
SqlBinaryValues = Literal["both", "base64", "hex"]
SqlProgress = Literal["clock", "polls"]
WebhookRuns = Literal["every", "changed"]
RegisteredRuns = Literal["control", "clock"]

#: Default style of `meta.lastUpdated` per resource type; a type that is not listed is `ok` (UTC with `Z`).
DEFAULT_LAST_UPDATED_STYLES: Final[dict[str, LastUpdatedStyle]] = {
    "Patient": "naive",
    "Practitioner": "offset",
    "Appointment": "naive-7",
    "Slot": "ok",
    "Observation": "offset",
    "Condition": "naive",
    "DocumentReference": "naive-7",
}


#: Conditional write (R4 http.html): If-None-Exist, update by search, If-Match, If-None-Match: *.
ConditionalForm = Literal["create", "update", "version", "none-match"]


class ConditionalWrites(FrozenSettings):
    """Conditional writes that the statement promises, and those that the site honours; it ignores others."""

    promised: tuple[ConditionalForm, ...] = ()
    honoured: tuple[ConditionalForm, ...] = ()


class Variants(FrozenSettings):
    """Behaviour of a site that Halo does not document."""

    link_form: LinkForm = "absolute-internal"
    paging: Paging = "token"
    max_count: int = Field(default=1000, ge=1)
    next_link: NextLink = "right"
    later_page_status: Literal[202, 304] | None = None
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
    unknown_parameter: Literal["ignore", "ignore-silently", "refuse"] = "ignore"
    dropped_parameters: frozenset[str] = frozenset()
    drop_date_filters: bool = False
    self_shows_dropped: bool = False
    self_form: SelfForm = "used"
    search_modes: bool = True
    totals: Totals = "accurate"
    etags: ETags = "none"
    vread: bool = False
    history_versions: int = Field(default=0, ge=0, le=100)
    conditional_writes: ConditionalWrites = ConditionalWrites()
    more_operations: bool = False
    sql_conversion_error: SqlConversionError = "at-submission"
    sql_text_parameters: bool = True
    sql_binary_values: SqlBinaryValues = "both"
    sql_max_request: int = Field(default=32 * 2**20, ge=1)
    sql_time_limit: float = Field(default=60, gt=0)
    sql_rows: int = Field(default=1, ge=0, le=200_000)
    sql_page_size: int = Field(default=2**20, ge=1)
    sql_progress: SqlProgress = "clock"
    sql_state_seconds: float = Field(default=0.05, ge=0)


class SiteOverride(FrozenSettings):
    """Settings of one site: faults and variants that override the general ones, size limit in bytes."""

    faults: dict[str, bool] = Field(default_factory=dict)
    variants: dict[str, Any] = Field(default_factory=dict)
    size_limit: int | None = None


class Webhook(FrozenSettings):
    """Receiver of webhooks; `url` may contain `{siteId}`, `{queryId}` and `{source}`."""

    url: str
    secret: str


class EmulatorSettings(FrozenSettings):
    """All settings. A fault that is not in `faults` is on; the keys of `sites` are Halo GUIDs."""

    seed: int = 2026
    patients: int = Field(default=300, ge=5, le=20_000)
    documents: int = Field(default=110, ge=0, le=2_000)
    stored_precision: dict[str, StoredPrecision] = Field(default_factory=dict)
    keys: tuple[str, ...] = ("demo-key", "other-key")
    keep_requests: int = 2_000
    now: datetime | None = None
    public_url: str = "https://api.haloconnect.io"
    internal_url: str = "http://fhir-engine.halo.internal:8080"
    webhooks: tuple[Webhook, ...] = ()
    webhook_runs: WebhookRuns = "every"
    registered_runs: RegisteredRuns = "control"
    time_scale: float = Field(default=1, ge=0)
    faults: dict[str, bool] = Field(default_factory=dict)
    variants: Variants = Variants()
    sites: dict[str, SiteOverride] = Field(default_factory=dict)
    procedures: tuple[Procedure, ...] = DEFAULT_PROCEDURES

    @field_validator("faults")
    @classmethod
    def validate_faults(cls, faults: dict[str, bool]) -> dict[str, bool]:
        """Return the faults. Raises ValueError for a fault that is not in DOCUMENTED_FAULTS."""
        if unknown := sorted(set(faults) - set(DOCUMENTED_FAULTS)):
            raise ValueError(f"no such fault: {', '.join(unknown)}; known: {', '.join(DOCUMENTED_FAULTS)}")
        return faults

    @field_validator("sites")
    @classmethod
    def validate_overrides(cls, sites: dict[str, SiteOverride]) -> dict[str, SiteOverride]:
        """Return the overrides. Raises ValueError for an unknown site, fault or variant."""
        if unknown := sorted(set(sites) - set(SITES)):
            raise ValueError(f"no such site: {', '.join(unknown)}; known: {', '.join(SITES)}")
        for override in sites.values():
            cls.validate_faults(override.faults)
            Variants.model_validate(override.variants)
        return sites

    def site_override(self, guid: str) -> SiteOverride:
        """Return the settings of one site; empty by default."""
        return self.sites.get(guid, SiteOverride())

    def is_fault_enabled(self, fault: str, guid: str) -> bool:
        """Whether a documented fault is on at a site."""
        return self.site_override(guid).faults.get(fault, self.faults.get(fault, True))

    def variants_at(self, guid: str) -> Variants:
        """Return the variants in force at a site."""
        changes = self.site_override(guid).variants
        return Variants.model_validate(self.variants.model_dump() | changes) if changes else self.variants


#: Settings of one mode of the emulator.
SettingsType = TypeVar("SettingsType", bound=FrozenSettings)


def from_toml(path: Path | None) -> EmulatorSettings:
    """Read the settings of a TOML file. Raises ValueError with one line per problem, or OSError."""
    return read_settings(EmulatorSettings, path)


def read_settings(model: type[SettingsType], path: Path | None) -> SettingsType:
    """Read the settings of a mode from a TOML file. Raises ValueError (a line per problem) or OSError."""
    if path is None:
        return model()
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        texts = (_PROBLEMS.get(problem["type"]) or _own_words(problem["msg"]) for problem in problems)
        names = (".".join(map(str, problem["loc"])) for problem in problems)
        lines = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
        raise ValueError("\n".join([f"{path} has problems:", *lines])) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


_PROBLEMS: Final = {"extra_forbidden": "no such setting; docs/emulator.md lists all"}


def _own_words(message: str) -> str:
    """Return a message of pydantic without its words for a value."""
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def apply_merge_patch(settings: SettingsType, changes: dict[str, Any]) -> SettingsType:
    """Return the settings after a deep merge of `changes` (JSON Merge Patch, RFC 7396).

    Raises pydantic.ValidationError for an unknown name or value.
    """
    return type(settings).model_validate(_merge_patch(settings.model_dump(), changes))


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
