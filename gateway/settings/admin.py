"""Settings of the /admin endpoints."""

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gateway.settings.base import Section
from gateway.settings.secrets import Secret

#: Highest TCP port.
_MAX_PORT: Final = 65_535
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
#: Host name (RFC 1123 section 2.1), whose last label is no number.
_HOST_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$){_LABEL}", re.ASCII)


def _check_address(listen: str) -> str:
    """Return the address. Raises ValueError for a port or host that no machine has."""
    host, _, port = listen.rpartition(":")
    if int(port) > _MAX_PORT:
        raise ValueError(f"the port must be at most {_MAX_PORT}")
    if not (_is_ip_address(host.strip("[]")) or _HOST_NAME.fullmatch(host)):
        raise ValueError("the host must be an IP address or a host name, such as 127.0.0.1")
    return listen


def _check_host_name(name: str) -> str:
    if not _HOST_NAME.fullmatch(name):
        raise ValueError("must be a host name without a port, such as operators.example.com.au")
    return name.lower()


def _is_local(listen: str) -> bool:
    """Whether only this machine can reach an address."""
    host = listen.rpartition(":")[0].strip("[]")
    return ip_address(host).is_loopback if _is_ip_address(host) else host.lower() == "localhost"


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


ListenAddress = Annotated[
    str,
    Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):\d{1,5}$"),
    AfterValidator(_check_address),
]
HostName = Annotated[str, Field(max_length=253), AfterValidator(_check_host_name)]


class Admin(Section):
    """The /admin endpoints for operators."""

    token: Secret | None = Field(
        None,
        description="Bearer token of /admin: at least 32 random bytes (`openssl rand -base64 32`). Without"
        " one, only admin.listen serves /admin.",
    )
    listen: ListenAddress | None = Field(
        None,
        description="Address as host:port that serves /admin instead of the gateway's own port. It needs"
        " admin.token, unless only this machine can reach it.",
    )
    hosts: tuple[HostName, ...] = Field(
        (),
        max_length=100,
        description="Host names by which operators reach admin.listen. IP addresses and localhost are always"
        " valid; requests to other names get 421.",
    )

    @field_validator("listen")
    @classmethod
    def _require_token_for_network(cls, listen: str | None, fields: ValidationInfo) -> str | None:
        lacks_token = "token" in fields.data and fields.data["token"] is None
        if listen and lacks_token and not _is_local(listen):
            raise ValueError("other machines can reach this address: set admin.token, or listen on 127.0.0.1")
        return listen
