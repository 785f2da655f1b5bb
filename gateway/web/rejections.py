"""Counts the requests that are refused before they are read: free, and failures all the same."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from gateway.errors.failure import Failure
from gateway.exchange import Site
from gateway.fhir.interaction import NOT_FHIR, interaction_for
from gateway.ledger.recorder import Recorder


@dataclass(frozen=True, slots=True)
class RejectionCounter:
    """Counts by what the path names: `sites` finds a site by GUID, `site` is that of a path without one."""

    recorder: Recorder
    find_site: Callable[[str], Site | None]
    default_site: Site | None = None
    is_fhir: bool = True

    def __call__(self, request: Request, failure: Failure) -> None:
        """Count one refusal."""
        named, path = request.path_params.get("siteId", ""), request.path_params.get("path", "")
        act = interaction_for(request.method, path.rstrip("/")) if self.is_fhir else None
        headers = tuple(request.headers.items())
        site = self.find_site(named.lower()) if named else self.default_site
        self.recorder.record_rejection(site, headers, act or NOT_FHIR, failure.kind.code)
