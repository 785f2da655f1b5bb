"""Limits that a vendor documents for its upstream; operators may set others for a mount."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

#: Whose requests share a rate: those of one credential, or only those to one endpoint with it.
RateScope = Literal["caller", "endpoint"]


class RateWindow(NamedTuple):
    """Maximum number of requests in any period of some seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Timeouts in seconds, the size of a request's body in bytes, and rates."""

    read_timeout: float = 35.0
    total_timeout: float = 60.0
    max_request_body: int = 2_000_000
    rate_windows: tuple[RateWindow, ...] = ()
    rate_scope: RateScope = "caller"


#: Limits of an upstream whose vendor documents none.
USUAL_LIMITS = UpstreamLimits()
