"""Callers and sites that an upstream has confirmed: a made-up key or GUID never gets a 2xx.

The gateway cannot judge a credential itself. Until an upstream accepts it, a caller has no name, no ledger
line of its own and no share of its own in what callers share.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gateway.exchange import FhirRequest, Headers
from gateway.http.callers import credential, fingerprint
from gateway.http.latest_times import LatestTimes

#: Name of all callers and sites that no upstream has confirmed.
UNPROVED: Final = "unproved"
#: Seconds for which a success proves a caller or a site.
PROOF_SECONDS: Final = 86_400.0
#: Maximum numbers of callers and sites in memory; the one without a success for the longest is dropped first.
_MAX_CALLERS: Final = 10_000
_MAX_SITES: Final = 5_000


def caller_at_upstream(upstream_url: str, headers: Headers) -> str:
    """Identity of a caller at one upstream: its origin and the fingerprint; empty without a credential."""
    if not credential(headers):
        return ""
    return f"{_origin_of(upstream_url)} {fingerprint(headers)}"


@lru_cache(256)
def _origin_of(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def caller_of(request: FhirRequest) -> str:
    """Identity of a request's caller at its upstream; empty without a credential."""
    return request.caller or caller_at_upstream(request.upstream_base, request.headers)


def may_prove_caller(request: FhirRequest) -> bool:
    """Whether a 2xx to this request proves its caller: other endpoints may be open to everybody.

    FHIR apart from the CapabilityStatement, Halo's endpoints of sites, and the API of a mounted upstream that
    is passed through; tokens and pairing are not.
    """
    if request.site is None:
        return request.path.partition("/")[2].split("/", 1)[0] == "sites"
    if request.interaction.code == "other":
        return request.path.lower().startswith("api/")
    return request.interaction.code != "capabilities"


class ProvedCallers:
    """Times of the last 2xx of an upstream, by caller and by site; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._callers = LatestTimes(clock, _MAX_CALLERS)
        self._sites = LatestTimes(clock, _MAX_SITES)

    def record_success(self, caller: str, guid: str = "") -> None:
        """Note a 2xx of the upstream to a caller, at a site if there is one."""
        if caller:
            self._callers.record(caller)
        if guid:
            self._sites.record(guid)

    def is_proved(self, caller: str, within: float = PROOF_SECONDS) -> bool:
        """Whether the upstream has accepted the caller's credential in the last `within` seconds."""
        return self._callers.is_within(caller, within)

    def is_site_proved(self, guid: str) -> bool:
        """Whether an upstream has responded with 2xx for this site in the last day."""
        return self._sites.is_within(guid, PROOF_SECONDS)

    def forget(self, caller: str) -> None:
        """Forget the proof of a caller whose credential the upstream has refused."""
        self._callers.forget(caller)
