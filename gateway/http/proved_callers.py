"""Callers and sites that an upstream has confirmed: a made-up key or GUID never gets a 2xx.

The gateway cannot judge a credential itself. Until an upstream accepts it, a caller has no name, no ledger
line of its own and no share of its own in what callers share.
"""

from collections.abc import Callable
from typing import Final

from cachetools import LRUCache

from gateway.exchange import FhirRequest, Headers
from gateway.http.callers import credential, fingerprint

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
    origin = "/".join(upstream_url.split("/", 3)[:3])
    return f"{origin} {fingerprint(headers)}"


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
        self._clock = clock
        self._callers: LRUCache[str, float] = LRUCache(_MAX_CALLERS)
        self._sites: LRUCache[str, float] = LRUCache(_MAX_SITES)

    def record_success(self, caller: str, guid: str = "") -> None:
        """Note a 2xx of the upstream to a caller, at a site if there is one."""
        now = self._clock()
        if caller:
            self._callers[caller] = now
        if guid:
            self._sites[guid] = now

    def is_proved(self, caller: str, within: float = PROOF_SECONDS) -> bool:
        """Whether the upstream has accepted the caller's credential in the last `within` seconds."""
        return self._is_recent(self._callers, caller, within)

    def is_site_proved(self, guid: str) -> bool:
        """Whether an upstream has responded with 2xx for this site in the last day."""
        return self._is_recent(self._sites, guid, PROOF_SECONDS)

    def forget(self, caller: str) -> None:
        """Forget the proof of a caller whose credential the upstream has refused."""
        self._callers.pop(caller, None)

    def _is_recent(self, times: LRUCache[str, float], name: str, within: float) -> bool:
        recorded_at = times.get(name)
        return recorded_at is not None and self._clock() - recorded_at < within
