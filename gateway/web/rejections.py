"""Counts the requests that are refused before they are read: free, and failures all the same."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from gateway.errors.failure import Failure
from gateway.exchange import Site
from gateway.fhir.interaction import OTHER, interaction
from gateway.ledger.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Refused:
    """Counts by what the path names: `sites` finds a site by GUID, `site` is that of a path without one."""

    recorder: Recorder
    sites: Callable[[str], Site | None]
    site: Site | None = None
    fhir: bool = True

    def __call__(self, request: Request, failure: Failure) -> None:
        """Count one refusal."""
        named, path = request.path_params.get("siteId", ""), request.path_params.get("path", "")
        act = interaction(request.method, path.rstrip("/")) if self.fhir else None
        headers = tuple(request.headers.items())
        site = self.sites(named.lower()) if named else self.site
        self.recorder.refuse(site, headers, act or OTHER, failure.kind.code)
