"""Settings of Halo's webhooks: secrets, receivers, and what they invalidate."""

from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, HttpUrl, model_validator

from gateway.cache.freshness import ANY_TYPE
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.settings.base import MountName, Section, Url
from gateway.settings.secrets import SharedSecret, SharedSecrets

#: Maximum numbers of receivers, and of keys in one table of types.
_MAX_RECEIVERS: Final = 20
_MAX_KEYS: Final = 200


def _check_receiver_url(url: HttpUrl) -> HttpUrl:
    """Return the URL. Raises ValueError for plain HTTP, unless the receiver is in the same network."""
    if url.scheme != "https" and not _is_near(url.host or ""):
        raise ValueError("must be https; http is for localhost, private IP addresses and names without a dot")
    return url


def _is_near(host: str) -> bool:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host
    is_own_network = address.is_private and not (address.is_unspecified or address.is_link_local)
    return address.is_loopback or is_own_network


def _check_type(name: str) -> str:
    if name != ANY_TYPE and name not in RESOURCE_TYPES:
        raise ValueError("must be a resource type of R4, such as Appointment, or * for all types")
    return name


ReceiverUrl = Annotated[Url, AfterValidator(_check_receiver_url)]
ResourceType = Annotated[str, Field(max_length=64), AfterValidator(_check_type)]
#: Id of a query, a webhookSource, or `*`.
WebhookKey = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_.:\-]{0,99})$")]
TypesByKey = Annotated[dict[WebhookKey, tuple[ResourceType, ...]], Field(max_length=_MAX_KEYS)]


class Receiver(Section):
    """A receiver to which Halo's webhooks are forwarded."""

    url: ReceiverUrl = Field(
        description="URL of the receiver. Plain http only to localhost, a private IP address or a name"
        " without a dot. Redirects are not followed."
    )
    secret: SharedSecret | None = Field(
        None,
        description="Secret of a signature of the gateway's own (Gateway-Signature-256), beside Halo's. At"
        " least 16 characters.",
    )


class Webhooks(Section):
    """Webhooks of Halo Connect at /hooks/halo (docs/webhooks.md)."""

    secrets: SharedSecrets = Field(
        (),
        description="Secrets of Halo's signature, each of at least 16 characters. Any of them may have signed"
        " a webhook, so that they can be rotated. Without one, there is no /hooks/halo.",
    )
    max_age_seconds: float = Field(
        300.0,
        ge=10,
        le=3_600,
        description="Maximum difference between X-Halo-Timestamp and this machine's clock, in seconds.",
    )
    receivers: Annotated[dict[MountName, Receiver], Field(max_length=_MAX_RECEIVERS)] = Field(
        {}, description="Receivers of all webhooks, by name."
    )

    @model_validator(mode="after")
    def _require_secrets_for_receivers(self) -> Self:
        if self.receivers and not self.secrets:
            raise ValueError(
                "receivers need secrets: without one, the gateway accepts no webhook; write, for example,"
                " secrets = a list of the secret of your webhooks at Halo"
            )
        return self
