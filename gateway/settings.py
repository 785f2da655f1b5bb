"""All configuration: a TOML file, overridden by `HALO_GATEWAY_…` environment variables.

The only reader of environment and files. Every problem is reported at once, by the setting's name.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.core.date_zone import zone
from gateway.core.exchange import Site
from gateway.repairs import REPAIRS

DEFAULT = "default"


class ConfigurationError(ValueError):
    """What is wrong with the configuration: one line per setting."""


def _known_zone(name: str) -> str:
    zone(name)
    return name


def _known_repairs(switches: dict[str, bool]) -> dict[str, bool]:
    unknown = switches.keys() - {repair.issue.id for repair in REPAIRS}
    if unknown:
        raise ValueError(f"no such repair: {', '.join(sorted(unknown))}; see halo-gateway known-issues")
    return switches


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Switches = Annotated[dict[str, bool], AfterValidator(_known_repairs)]
Guid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
SiteKey = Annotated[str, Field(pattern=rf"^({DEFAULT}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Timeouts(_Section):
    """How long each step of an upstream exchange may take, in seconds."""

    connect: float = Field(5.0, gt=0, description="seconds until a connection stands")
    read: float = Field(35.0, gt=0, description="seconds of silence; Halo itself gives up at 30")
    idle: float = Field(20.0, gt=0, description="seconds an unused connection is kept for the next query")


class Upstream(_Section):
    """The Halo Connect API."""

    url: HttpUrl = Field(HttpUrl("https://api.haloconnect.io"), description="where Halo Cloud answers")
    timeouts: Timeouts = Field(Timeouts(), description="how long each step may take")
    max_connections: int = Field(100, gt=0, description="connections at the same time")
    max_body: int = Field(64_000_000, gt=0, description="bytes of an answer, unpacked; more is refused")


class Server(_Section):
    """How the gateway is reached."""

    public_url: HttpUrl | None = Field(None, description="what clients call it; else taken from Host")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="networks whose X-Forwarded-Host, -Proto and -Prefix are believed"
    )
    site: Guid | None = Field(None, description="the site that is also mounted as plain /fhir/R4")
    max_body: int = Field(2_000_000, gt=0, description="bytes of a request body")
    max_uri: int = Field(16_000, gt=0, description="characters of a request's path and query")


class SiteSettings(_Section):
    """One practice; what is not set comes from `sites.default`."""

    name: str = Field("", description="an alias for logs and metrics; no patient or practice data")
    time_zone: TimeZone | None = Field(None, description="IANA name of the practice server's zone")
    repairs: Switches = Field({}, description="repairs on (true) or off (false), by id")


class Pages(_Section):
    """Links to further pages of a result."""

    keys: tuple[SecretStr, ...] = Field(
        (),
        description="secrets that seal page links: the first seals, all open; without one, links end"
        " with the process",
    )
    lifetime: int = Field(86_400, gt=0, description="seconds that a page link is good for")


class Search(_Section):
    """How far a search may go."""

    max_queries: int = Field(5, gt=0, description="upstream queries for one page of a filtered search")


class Log(_Section):
    """What is logged, to stderr, one JSON object per line."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="HALO_GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    server: Server = Field(Server(), description="how the gateway is reached")
    upstream: Upstream = Field(Upstream(), description="the Halo Connect API")
    repairs: Switches = Field({}, description="repairs on or off for all sites, by id")
    sites: dict[SiteKey, SiteSettings] = Field({}, description="by Halo GUID, and `default`")
    pages: Pages = Field(Pages(), description="links to further pages of a result")
    search: Search = Field(Search(), description="how far a search may go")
    log: Log = Field(Log(), description="what is logged")

    def site(self, guid: str) -> Site | None:
        """The site of a GUID; None when no setting says its time zone."""
        chosen = self.chosen(guid)
        off = frozenset(name for name, on in chosen.repairs.items() if not on)
        return _site(guid, chosen.time_zone, chosen.name, off) if chosen.time_zone else None

    def chosen(self, guid: str) -> SiteSettings:
        """The settings of a site: its own over the default ones."""
        default = self.sites.get(DEFAULT, SiteSettings())
        own = self.sites.get(guid, SiteSettings())
        repairs = {**self.repairs, **default.repairs, **own.repairs}
        update = {name: getattr(own, name) for name in own.model_fields_set}
        return default.model_copy(update={**update, "repairs": repairs})


def load(path: Path | None = None) -> Settings:
    """The settings of a TOML file and the environment. Raises ConfigurationError naming every problem."""
    if path is not None and not path.is_file():
        raise ConfigurationError(f"--config: no such file: {path}")
    try:
        return _from(path)()
    except ValidationError as problem:
        raise ConfigurationError("\n".join(map(_line, problem.errors(include_input=False)))) from None
    except (SettingsError, ValueError) as problem:
        raise ConfigurationError(str(problem)) from None


def _from(path: Path | None) -> type[Settings]:
    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    return Loaded


def _line(error: ErrorDetails) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


@lru_cache(maxsize=4096)
def _site(guid: str, time_zone: str, name: str, repairs_off: frozenset[str]) -> Site:
    return Site(guid, zone(time_zone), name or guid[:8], repairs_off)
