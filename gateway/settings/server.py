"""Settings of servers: this one, its upstreams, log, operators."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    field_validator,
)

from gateway.extras import require_extra
from gateway.settings.base import Guid, MountPath, Section, Url
from gateway.settings.outbound import CaFile, ProxyUrl


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


class Log(Section):
    """What is logged, to stderr, one JSON object per line."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")


class Writes(Section):
    """What happens to a change before it is sent."""

    validation: Literal["off", "warn", "refuse"] = Field(
        "off",
        description="what becomes of a create, update, batch or transaction that is not valid FHIR R4: `warn`"
        " sends it and names the elements in Gateway-Validation, `refuse` answers 400; both need the extra"
        " `validation`",
    )

    @field_validator("validation")
    @classmethod
    def _require_validation_extra(cls, validation: str) -> str:
        if validation != "off":
            require_extra("validation")
        return validation


def _require_valid_port(listen: str) -> str:
    if int(listen.rpartition(":")[2]) > _MAX_PORT:
        raise ValueError(f"a port is at most {_MAX_PORT}")
    return listen


_MAX_PORT = 65_535


ListenAddress = Annotated[
    str,
    Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):\d{1,5}$"),
    AfterValidator(_require_valid_port),
]


class Admin(Section):
    """The operators' endpoints."""

    token: SecretStr | None = Field(
        None,
        min_length=16,
        description="bearer token of /admin; without one it is not there, but for a port of its own",
    )
    listen: ListenAddress | None = Field(
        None, description="host:port of /admin alone, instead of the gateway's own; for operators only"
    )
