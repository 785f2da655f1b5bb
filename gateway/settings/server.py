"""Settings of the server, the log and writes."""

from typing import Literal

from pydantic import Field, field_validator

from gateway.extras import require_extra
from gateway.settings.base import (
    ByteCount,
    Count,
    Guid,
    Seconds,
    Section,
    Url,
    WholeSeconds,
    WholeSecondsOrZero,
)
from gateway.settings.trusted_networks import TrustedNetworks


class Errors(Section):
    """Upstream error messages in responses to clients."""

    upstream_text: Literal["masked", "full", "none"] = Field(
        "masked",
        description="How to show the upstream's message in diagnostics: masked, full (without SQL), or none.",
    )


class ClientTimeouts(Section):
    """Timeouts of a client's connection."""

    headers: Seconds = Field(
        10.0, description="Maximum time to receive a request's first line and headers, in seconds."
    )
    body: Seconds = Field(60.0, description="Maximum time to receive a request's body, in seconds.")
    write: Seconds = Field(
        30.0, description="Maximum time for a client to read 64 kB of a response, in seconds."
    )
    idle: Seconds = Field(65.0, description="Maximum time an unused connection stays open, in seconds.")


class Server(Section):
    """Address and limits of the gateway's own server."""

    public_url: Url | None = Field(
        None, description="Public base URL of the gateway. Default: taken from the Host header."
    )
    trusted_proxies: TrustedNetworks = Field(
        (),
        description="Networks whose X-Forwarded-For, -Host, -Proto and -Prefix headers the gateway trusts."
        " Maximum size: /8 (IPv4), /16 or private (IPv6).",
    )
    default_site: Guid | None = Field(None, description="Site that is also served at /fhir/R4.")
    max_body: ByteCount = Field(2_000_000, description="Maximum size of a request body, in bytes.")
    max_total_body: ByteCount = Field(
        64_000_000,
        description="Maximum size of all request bodies in memory together, in bytes. One client address may"
        " use as much as remains free, so at most half.",
    )
    drain_delay: WholeSecondsOrZero = Field(
        0,
        description="Time after SIGTERM in which /readyz is 503 and requests are still served, in seconds."
        " Behind a load balancer: longer than it takes to notice a failed health check.",
    )
    drain_seconds: WholeSeconds = Field(
        30,
        description="Time that requests in flight have after SIGTERM and drain_delay, in seconds. A SQL query"
        " may take 140. Kill the process five seconds later, no sooner.",
    )
    max_headers: ByteCount = Field(
        64_000, description="Maximum size of a request's first line and headers, in bytes."
    )
    max_header_fields: Count = Field(100, description="Maximum number of a request's header fields.")
    max_header_values: Count = Field(
        100,
        description="Maximum number of comma-separated values in one header field, except If-None-Exist.",
    )
    max_json_values: Count = Field(
        50_000,
        description="Maximum number of values in a FHIR request's JSON body, counted by its commas, and of"
        " brackets of each kind.",
    )
    max_json_depth: Count = Field(
        64, description="Maximum number of objects and arrays inside each other in a JSON body."
    )
    max_batch_entries: int = Field(
        50, ge=1, le=50, description="Maximum number of entries of a batch Bundle, at most 50."
    )
    max_batch_response: ByteCount = Field(
        32_000_000,
        description="Maximum size of the responses to all entries of one batch Bundle together, in bytes.",
    )
    max_connections: Count = Field(
        1_000,
        description="Maximum number of client connections. Requests on those that come later get 503, until"
        " others have closed; beyond twice this number, connections are closed at once.",
    )
    max_credential_failures: Count = Field(
        30,
        description="Maximum number of different credentials of one client address that one upstream refuses"
        " (401, 403) per minute. Beyond it, callers of that address that the upstream has not accepted yet"
        " get 429 for this upstream. One credential counts once, and gets 429 alone after ten refusals. Raise"
        " it if more callers than that share an address, and their tokens may expire together.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Number of processes that serve, one per core. Limits of memory and connections are"
        " those of each. Without cache.redis.url each stores responses of its own.",
    )
    timeouts: ClientTimeouts = Field(ClientTimeouts(), description="Timeouts of a client's connection.")
    max_uri: ByteCount = Field(
        16_000, description="Maximum length of a request's path and query, in characters."
    )


class Log(Section):
    """The log on stderr, one line per event."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Minimum level of the lines in the log."
    )
    format: Literal["json", "text"] = Field(
        "json",
        description="Form of the lines: `json` for programs, `text` for people, in colour on a terminal.",
    )


class Writes(Section):
    """Checks of writes before they are sent."""

    validation: Literal["off", "warn", "refuse"] = Field(
        "off",
        description="What to do with a create, update or transaction that is not valid FHIR R4: `warn`"
        " sends it and names the elements in the Gateway-Validation header, `refuse` rejects it with 400."
        " Both need the extra `validation`.",
    )
    conditional: Literal["refuse", "pass"] = Field(
        "refuse",
        description="What to do with a conditional write (If-None-Exist, If-Match, If-None-Match, change by"
        " search) that the site's CapabilityStatement does not promise: `refuse` rejects it with 412, `pass`"
        " sends it, for sites that are known to honour what they do not promise.",
    )

    @field_validator("validation")
    @classmethod
    def _require_validation_extra(cls, validation: str) -> str:
        if validation != "off":
            require_extra("validation")
        return validation
