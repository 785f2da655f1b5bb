"""Base class and value types of settings."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from gateway.dates.timezones import load_zone
from gateway.http.request_path import GUID_PATTERN
from gateway.repairs import KNOWN_ISSUES, REPAIRS
from gateway.settings.masked import redact_key

#: Id of a known issue that a plugin or quirk pack brings.
EXTENSION_ID = re.compile(r"[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*")
#: Maximum number of unknown repairs in one message.
_MAX_SHOWN = 10


def _check_zone(name: str) -> str:
    load_zone(name)
    return name


def _check_repairs(switches: dict[str, bool]) -> dict[str, bool]:
    """Return the switches. `settings/extensions.py` checks the ids of plugins and packs, with a colon."""
    own_ids = {repair.issue.id for repair in REPAIRS}
    unknown = {name for name in switches if name not in own_ids and not EXTENSION_ID.fullmatch(name)}
    if unknown:
        shown = ", ".join(redact_key(repair) for repair in sorted(unknown)[:_MAX_SHOWN])
        more = f" and {len(unknown) - _MAX_SHOWN} more" if len(unknown) > _MAX_SHOWN else ""
        raise ValueError(f"no such repair: {shown}{more}; see halo-gateway known-issues")
    return switches


def _check_issue(name: str) -> str:
    if name not in {issue.id for issue in KNOWN_ISSUES}:
        raise ValueError(f"no such known issue: {redact_key(name)}; see halo-gateway known-issues")
    return name


TimeZone = Annotated[str, AfterValidator(_check_zone)]
RepairSwitches = Annotated[dict[str, bool], AfterValidator(_check_repairs)]
IssueNames = tuple[Annotated[str, AfterValidator(_check_issue)], ...]
_GUID = re.compile(GUID_PATTERN, re.IGNORECASE)


def with_lower_case_guids(sites: Any) -> Any:
    """Return a table of sites with GUIDs in lower case. Raises ValueError if a GUID occurs in both cases."""
    if not isinstance(sites, dict):
        return sites
    lower = {_lower_case_guid(guid): values for guid, values in sites.items()}
    if len(lower) < len(sites):
        guids = [_lower_case_guid(guid) for guid in sites]
        duplicates = sorted({guid for guid in guids if guids.count(guid) > 1})
        raise ValueError(f"the same site is set twice, in upper and lower case: {', '.join(duplicates)}")
    return lower


def _lower_case_guid(guid: Any) -> Any:
    return guid.lower() if isinstance(guid, str) and _GUID.fullmatch(guid) else guid


Guid = Annotated[str, BeforeValidator(_lower_case_guid), Field(pattern=rf"^{GUID_PATTERN}$")]
SiteKey = Annotated[str, Field(pattern=rf"^(default|{GUID_PATTERN})$")]

#: First path segments that the gateway serves itself.
_RESERVED_SEGMENTS = frozenset(
    {
        *{"integrator", "desktop", "fhir", "CodeSystem", "livez", "readyz", "healthz", "metrics"},
        *{"admin", "docs", "hooks"},
    }
)


def _check_free_path(path: str) -> str:
    if path.removeprefix("/") in _RESERVED_SEGMENTS:
        raise ValueError("the gateway itself serves this path, choose another")
    return path


MountPath = Annotated[str, Field(pattern=r"^/[A-Za-z][A-Za-z0-9\-]{0,30}$"), AfterValidator(_check_free_path)]
MountName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]{0,30}$")]

#: `Type.parameter`, or `*.parameter` for every type.
ParameterKey = Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Za-z]+)\.[A-Za-z_][A-Za-z0-9_-]*$")]
#: The same, with `*` also for every parameter.
ParameterPattern = Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Za-z]+)\.(\*|[A-Za-z_][A-Za-z0-9_-]*)$")]
TypeKey = Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Za-z]+)$")]


def _reject_boolean(value: Any) -> Any:
    """Return the value. Raises an error for true and false, which pydantic reads as 1 and 0."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


NotBoolean = BeforeValidator(_reject_boolean)

#: Numbers with upper limits: a timer, a date or a counter overflows beyond them, in the middle of a request.
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]
WholeSeconds = Annotated[int, Field(gt=0, le=31_536_000)]
WholeSecondsOrZero = Annotated[int, Field(ge=0, le=31_536_000)]
ByteCount = Annotated[int, Field(gt=0, le=1_000_000_000_000)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]


def _check_plain_url(url: HttpUrl) -> HttpUrl:
    """Return the URL. The error does not show it, because it may contain a password."""
    if url.username or url.password or url.query is not None or url.fragment is not None:
        raise ValueError("must have no user, password, query or fragment: write scheme, host, port and path")
    if not _is_address(url):
        raise ValueError("must have a host name or IP address, and a port other than 0")
    return url


def _is_address(url: HttpUrl) -> bool:
    """Whether a resolver accepts the host: no label is empty or longer than 63 characters (RFC 1035)."""
    try:
        return bool((url.host or "").encode("idna")) and url.port != 0
    except UnicodeError:
        return False


def _check_printable(url: Any) -> Any:
    """Return the URL without space around it. The parser would drop line breaks inside it."""
    if isinstance(url, str) and not url.strip().isprintable():
        raise ValueError("must have no line breaks or control characters")
    return url


Url = Annotated[HttpUrl, BeforeValidator(_check_printable), AfterValidator(_check_plain_url)]


def raise_problems(problems: Iterable[str]) -> None:
    """Raise ValueError with all problems, a line each, if there are any."""
    lines = list(problems)
    if lines:
        raise ValueError("\n".join(lines))


class Section(BaseModel):
    """Section of the configuration: immutable, rejects unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_boolean_numbers(cls, value: Any, field: ValidationInfo) -> Any:
        annotation = cls.model_fields[field.field_name or ""].annotation
        return _reject_boolean(value) if {int, float} & {annotation, *get_args(annotation)} else value
