"""Settings of the upstreams: Halo Connect, and those that are mounted at their own paths."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from gateway.packs.pack_names import packs_of, with_packs
from gateway.settings.base import ByteCount, Count, MountPath, Seconds, Section, Url
from gateway.settings.outbound import CaFile, ProxyUrl
from gateway.upstreams import DIALECTS, mountable_dialects
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.upstreams.limits import RateWindow, UpstreamLimits

PackNames = Annotated[tuple[str, ...], AfterValidator(with_packs)]


class Timeouts(Section):
    """Timeouts of an upstream request."""

    connect: Seconds = Field(5.0, description="Maximum time to open a connection, in seconds.")
    read: Seconds = Field(
        35.0,
        description="Maximum time without data from the upstream, in seconds. Halo's own timeout is 30.",
    )
    total: Seconds = Field(60.0, description="Maximum time of one upstream request, in seconds.")
    idle: Seconds = Field(20.0, description="Maximum time an unused connection stays open, in seconds.")


class Upstream(Section):
    """The Halo Connect API."""

    url: Url = Field(HttpUrl("https://api.haloconnect.io"), description="URL of the Halo Connect API.")
    timeouts: Timeouts = Field(Timeouts(), description="Timeouts of an upstream request.")
    requests_per_second: float | None = Field(
        None,
        ge=0.001,
        le=100_000,
        description="Maximum number of requests per second and key. Default: learned from 429 responses.",
    )
    max_connections: Count = Field(100, description="Maximum number of connections to the upstream.")
    max_body: ByteCount = Field(64_000_000, description="Maximum size of an uncompressed response, in bytes.")
    proxy: ProxyUrl | None = Field(
        None,
        description="Outbound proxy, as http://[user:password@]host:port. The gateway does not use proxies"
        " from the environment.",
    )
    packs: PackNames = Field(
        (),
        description="Quirk packs with known issues of the upstream: names of those that the gateway brings,"
        " or paths of TOML files.",
    )
    ca_file: CaFile | None = Field(
        None, description="PEM file of a private CA to trust in addition to the system's CAs."
    )

    @property
    def resolved_dialect(self) -> Dialect:
        """The dialect of the upstream."""
        return HALO_CONNECT

    def dialect_named(self, name: str) -> Dialect:
        """Return the upstream's dialect of this name, or one of Halo Connect's. Raises KeyError."""
        return self.resolved_dialect if name == self.resolved_dialect.name else DIALECTS[name]


def _require_known_dialect(written: Any) -> Any:
    """Return the name of a dialect; a `Dialect` itself comes from a plugin."""
    if isinstance(written, Dialect):
        return written.name
    if isinstance(written, str) and written not in mountable_dialects():
        plugin = ", or package:name of a dialect that a package in `plugins` brings" if ":" in written else ""
        raise ValueError(f"must be {', '.join(mountable_dialects())}{plugin}")
    return written


DialectName = Annotated[str, BeforeValidator(_require_known_dialect)]


class RateLimit(Section):
    """A limit of the upstream's rate."""

    requests: Count = Field(description="Maximum number of requests.")
    seconds: Seconds = Field(description="Length of the period, in seconds.")


class MountCache(Section):
    """Responses of one upstream that are kept."""

    profile: Literal["off", "cautious"] = Field(
        "off", description="Lifetimes of responses: none, or those of the profile `cautious`."
    )


class MountedUpstream(Upstream):
    """An additional upstream with its own path."""

    url: Url = Field(description="Base URL of the upstream's API, without the path of a resource.")
    dialect: DialectName = Field(description=f"Kind of the upstream: {', '.join(mountable_dialects())}.")
    path: MountPath = Field(description="Path under which clients reach the upstream, such as /hg.")
    fhir_version: Literal["4.0", "3.0"] = Field(
        "4.0", description="Version of FHIR at the base URL: 4.0 is R4, 3.0 is STU3."
    )
    max_request_body: ByteCount | None = Field(
        None, description="Maximum size of a request body, in bytes. Default: that of the dialect."
    )
    rate_limits: tuple[RateLimit, ...] | None = Field(
        None, description="Maximum rates of one caller. Default: those of the dialect."
    )
    cache: MountCache = Field(MountCache(), description="Responses of this upstream that are kept.")
    _plugin_dialect: Dialect | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _use_timeouts_of_dialect(cls, values: Any) -> Any:
        """Fill in the timeouts that the dialect's vendor documents, unless the settings have their own."""
        limits = _limits_of(values.get("dialect")) if isinstance(values, dict) else None
        own = values.get("timeouts", {}) if limits else None
        if limits is None or not isinstance(own, dict):
            return values
        total = own.get("total", limits.total_timeout)
        is_shorter = isinstance(total, int | float) and total < limits.read_timeout
        defaults = {"read": total if is_shorter else limits.read_timeout, "total": limits.total_timeout}
        return {**values, "timeouts": defaults | own}

    @model_validator(mode="wrap")
    @classmethod
    def _keep_dialect(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        upstream, written = handler(values), values.get("dialect") if isinstance(values, dict) else None
        if isinstance(written, Dialect):
            upstream._plugin_dialect = written  # noqa: SLF001 - its own class
        return upstream

    @model_validator(mode="after")
    def _require_effect(self) -> Self:
        """Refuse settings that would have no effect on this upstream."""
        if self.timeouts.read > self.timeouts.total:
            raise ValueError(
                "timeouts.read must be at most timeouts.total, which ends the request before: raise"
                " timeouts.total, or lower timeouts.read; write, for example, timeouts.read = 30"
            )
        if self.resolved_dialect.is_fhir:
            return self
        name = self.resolved_dialect.name
        useless = [each for each in ("fhir_version", "cache") if self._is_set(each)]
        if useless:
            raise ValueError(
                f"{', '.join(useless)}: has no effect on the dialect {name}, which is passed through; remove"
                " it: write, for example, only url, dialect and path"
            )
        if any(repair.examines_answers for pack in packs_of(self.packs) for repair in pack.repairs):
            raise ValueError(
                f"packs: on the dialect {name}, which is passed through, issues of a pack may only set a"
                " code; remove the others: write, for example, packs = []"
            )
        return self

    def _is_set(self, name: str) -> bool:
        return name in self.model_fields_set and getattr(self, name) != type(self).model_fields[name].default

    @property
    def resolved_dialect(self) -> Dialect:
        """The dialect of the upstream."""
        return self._plugin_dialect or DIALECTS[self.dialect]

    @property
    def request_body_limit(self) -> int:
        """Maximum size of a request body, in bytes."""
        return self.max_request_body or self.resolved_dialect.limits.max_request_body

    @property
    def rate_windows(self) -> tuple[RateWindow, ...]:
        """Maximum rates of one caller."""
        if self.rate_limits is None:
            return self.resolved_dialect.limits.rate_windows
        return tuple(RateWindow(limit.requests, limit.seconds) for limit in self.rate_limits)


def _limits_of(dialect: Any) -> UpstreamLimits | None:
    known = DIALECTS.get(dialect) if isinstance(dialect, str) else dialect
    return known.limits if isinstance(known, Dialect) else None
