"""The sections of the configuration: every setting with its default, its limits and its meaning."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from gateway.dates.timezones import zone
from gateway.repairs import REPAIRS
from gateway.settings.masked import part
from gateway.settings.outbound import CaFile, ProxyUrl

#: Wrong names that one message shows.
_SHOWN = 10


def _known_zone(name: str) -> str:
    zone(name)
    return name


def _known_repairs(switches: dict[str, bool]) -> dict[str, bool]:
    unknown = switches.keys() - {repair.issue.id for repair in REPAIRS}
    if unknown:
        shown = ", ".join(part(each) for each in sorted(unknown)[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise ValueError(f"no such repair: {shown}{more}; see halo-gateway known-issues")
    return switches


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Switches = Annotated[dict[str, bool], AfterValidator(_known_repairs)]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def with_lower_case_guids(sites: Any) -> Any:
    """A table of sites with its GUIDs in lower case. Raises ValueError where one is given in two cases."""
    if not isinstance(sites, dict):
        return sites
    lower = {_lower(guid): values for guid, values in sites.items()}
    if len(lower) < len(sites):
        given = [_lower(guid) for guid in sites]
        twice = sorted({guid for guid in given if given.count(guid) > 1})
        raise ValueError(f"the same site is given twice, in upper and lower case: {', '.join(twice)}")
    return lower


def _lower(guid: Any) -> Any:
    return guid.lower() if isinstance(guid, str) and _GUID.fullmatch(guid) else guid


Guid = Annotated[str, BeforeValidator(_lower), Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
SiteKey = Annotated[str, Field(pattern=r"^(default|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]

#: The gateway's own first segments.
_TAKEN = frozenset(
    {"integrator", "desktop", "fhir", "CodeSystem", "livez", "readyz", "healthz", "metrics", "admin", "docs"}
)


def _free(path: str) -> str:
    if path.removeprefix("/") in _TAKEN:
        raise ValueError("the gateway itself serves this path: choose another")
    return path


MountPath = Annotated[str, Field(pattern=r"^/[A-Za-z][A-Za-z0-9\-]{0,30}$"), AfterValidator(_free)]
MountName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]{0,30}$")]

#: `Type.parameter`, or `*.parameter` for every type.
ParameterKey = Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Za-z]+)\.[A-Za-z_][A-Za-z0-9_-]*$")]
TypeKey = Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Za-z]+)$")]


def _no_truth(value: Any) -> Any:
    """The value. Raises an error for true and false, which pydantic takes for 1 and 0."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


Number = BeforeValidator(_no_truth)


def _bare(url: HttpUrl) -> HttpUrl:
    """The URL. The message does not show it: it may hold a password."""
    if url.username or url.password or url.query is not None or url.fragment is not None:
        raise ValueError("may have no user, password, query or fragment: write scheme, host, port and path")
    return url


Url = Annotated[HttpUrl, AfterValidator(_bare)]


class Section(BaseModel):
    """A part of the configuration: closed, and never changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: Any, field: ValidationInfo) -> Any:
        annotation = cls.model_fields[field.field_name or ""].annotation
        return _no_truth(value) if {int, float} & {annotation, *get_args(annotation)} else value


class Timeouts(Section):
    """How long each step of an upstream exchange may take, in seconds."""

    connect: float = Field(5.0, gt=0, description="seconds until a connection stands")
    read: float = Field(35.0, gt=0, description="seconds of silence; Halo itself gives up at 30")
    total: float = Field(60.0, gt=0, description="seconds one exchange may take as a whole")
    idle: float = Field(20.0, gt=0, description="seconds an unused connection is kept for the next query")


class Upstream(Section):
    """The Halo Connect API."""

    url: Url = Field(HttpUrl("https://api.haloconnect.io"), description="where Halo Cloud answers")
    timeouts: Timeouts = Field(Timeouts(), description="how long each step may take")
    rate: float | None = Field(
        None, gt=0, description="requests a second for each key; without one, learned from 429s"
    )
    max_connections: int = Field(100, gt=0, description="connections at the same time")
    max_body: int = Field(64_000_000, gt=0, description="bytes of an answer, unpacked; more is refused")
    proxy: ProxyUrl | None = Field(
        None,
        description="outbound proxy, http://[user:password@]host:port; those of the environment are not used",
    )
    ca_file: CaFile | None = Field(
        None, description="PEM file of a private CA that is trusted beside the system's"
    )


class MountedUpstream(Upstream):
    """An upstream beside the default one, below a path of its own."""

    url: Url = Field(description="its base: of FHIR, of the REST API, or where its Halo Cloud answers")
    dialect: Literal["halo-connect", "health-gorilla", "halo-itsm"] = Field(
        description="how it spells its errors, and what it is: halo-connect, health-gorilla or halo-itsm"
    )
    path: MountPath = Field(description="where clients find it, such as /hg")


class Errors(Section):
    """What a client is told of an upstream's own words."""

    upstream_text: Literal["masked", "full", "none"] = Field(
        "masked", description="its message in diagnostics: masked, full but for SQL, or none"
    )


class ClientTimeouts(Section):
    """How long a client may take for its part of an exchange, in seconds."""

    head: float = Field(10.0, gt=0, description="seconds for a request's first line and headers")
    body: float = Field(60.0, gt=0, description="seconds for a request's body")
    answer: float = Field(30.0, gt=0, description="seconds in which 64 kB of an answer must be taken")
    idle: float = Field(65.0, gt=0, description="seconds an unused connection stays open")


class Server(Section):
    """How the gateway is reached."""

    public_url: Url | None = Field(None, description="what clients call it; else taken from Host")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="networks whose X-Forwarded-Host, -Proto and -Prefix are believed"
    )
    site: Guid | None = Field(None, description="the site that is also mounted as plain /fhir/R4")
    max_body: int = Field(2_000_000, gt=0, description="bytes of a request body")
    max_headers: int = Field(64_000, gt=0, description="bytes of a request's first line and headers")
    max_connections: int = Field(
        1_000, gt=0, description="clients' connections at once; further ones get 503, and twice as many none"
    )
    timeouts: ClientTimeouts = Field(ClientTimeouts(), description="how long clients may take")
    max_uri: int = Field(16_000, gt=0, description="characters of a request's path and query")


class Pages(Section):
    """Links to further pages of a result."""

    keys: tuple[SecretStr, ...] = Field(
        (),
        description="secrets that seal page links: the first seals, all open; without one, links end"
        " with the process",
    )
    lifetime: int = Field(86_400, gt=0, description="seconds that a page link is good for")


class Search(Section):
    """How far a search may go."""

    max_splits: int = Field(4, gt=0, description="upstream queries that one search may be split into")
    max_queries: int = Field(5, gt=0, description="upstream queries for one page of a filtered search")


class Log(Section):
    """What is logged, to stderr, one JSON object per line."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")
