"""Environment variables with the gateway's prefix that Kubernetes sets for Services, and Docker for links.

A Service or container whose name begins with `halo-gateway` gets such variables (kubernetes.io, "Environment
variables" of a Service; docs.docker.com, "Legacy container links"). They are not settings.
"""

import re
from typing import Final

_PROTOCOL: Final = r"(?:TCP|UDP|SCTP)"
#: Names that only a platform sets: `HALO_GATEWAY` or, for example, `HALO_GATEWAY_REDIS`, and a suffix.
_PLATFORM_NAMES: Final = re.compile(
    r"HALO_GATEWAY(?:_\w+?)??_(?:"
    r"SERVICE_HOST"
    r"|SERVICE_PORT(?:_\w+)?"
    rf"|PORT_\d{{1,5}}_{_PROTOCOL}(?:_(?:PROTO|PORT|ADDR|START|END))?"
    r"|ENV_\S+"
    r")"
)
#: Names that an operator may use, too -> values that only a platform sets.
_PLATFORM_VALUES: Final = (
    (re.compile(r"HALO_GATEWAY(?:_\w+)?_PORT"), re.compile(r"(?:tcp|udp|sctp)://\S+:\d{1,5}")),
    (re.compile(r"HALO_GATEWAY(?:_\w+)?_NAME"), re.compile(r"/[^/\s]+/[^/\s]+")),
)


def is_injected(name: str, value: str) -> bool:
    """Whether a platform set this variable, judged by its name and, if that is ambiguous, by its value."""
    name = name.upper()
    return _PLATFORM_NAMES.fullmatch(name) is not None or any(
        names.fullmatch(name) is not None and values.fullmatch(value) is not None
        for names, values in _PLATFORM_VALUES
    )
