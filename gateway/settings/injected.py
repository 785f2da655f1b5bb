"""Environment variables that a platform sets beside ours: Kubernetes for Services, Docker for links.

A Service or container whose name begins with `halo-gateway` gets variables that begin as our settings do
(kubernetes.io, "Environment variables" of a Service; docs.docker.com, "Legacy container links"). None of them
is a setting, and none is a misspelt one.
"""

import re
from typing import Final

_PROTOCOL: Final = r"(?:TCP|UDP|SCTP)"
#: Names that only a platform makes: `HALO_GATEWAY` or `HALO_GATEWAY_REDIS`, then one of these.
_PLATFORM_NAMES: Final = re.compile(
    r"HALO_GATEWAY(?:_\w+?)??_(?:"
    r"SERVICE_HOST"
    r"|SERVICE_PORT(?:_\w+)?"
    rf"|PORT_\d{{1,5}}_{_PROTOCOL}(?:_(?:PROTO|PORT|ADDR|START|END))?"
    r"|ENV_\S+"
    r")"
)
#: Names that a person may write as well -> what a platform writes there.
_PLATFORM_VALUES: Final = (
    (re.compile(r"HALO_GATEWAY(?:_\w+)?_PORT"), re.compile(r"(?:tcp|udp|sctp)://\S+:\d{1,5}")),
    (re.compile(r"HALO_GATEWAY(?:_\w+)?_NAME"), re.compile(r"/[^/\s]+/[^/\s]+")),
)


def is_injected(name: str, value: str) -> bool:
    """Whether a platform has made this variable, by its name and, where that may be anybody's, its value."""
    name = name.upper()
    return _PLATFORM_NAMES.fullmatch(name) is not None or any(
        names.fullmatch(name) is not None and values.fullmatch(value) is not None
        for names, values in _PLATFORM_VALUES
    )
