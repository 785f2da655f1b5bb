"""Requests that the gateway rejects while it reads them, and entries that it does not send: free failures."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.interaction import NOT_FHIR, interaction_for
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.http.proved_callers import caller_at_upstream, caller_of
from gateway.ledger.recorder import Recorder
from gateway.sql.interaction import sql_interaction
from gateway.telemetry.access_log import Answer
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web.errors import error_response
from gateway.web.request_checks import caller_headers
from gateway.web.unread_requests import Origin, UnreadRequests


@dataclass(frozen=True, slots=True)
class RejectionReport:
    """Reports rejections by site and interaction of the path; `default_site` for one without a GUID.

    `types`: resource types of the upstream.
    """

    unread: UnreadRequests
    find_site: Callable[[str], Site | None]
    default_site: Site | None = None
    is_fhir: bool = True
    dialect: Dialect = HALO_CONNECT
    upstream_url: str = ""
    types: frozenset[str] = RESOURCE_TYPES

    def __call__(self, request: Request, answer: Answer) -> None:
        """Report one rejection."""
        self.unread.report(request.scope, answer, origin=self._origin_of(request))

    def _origin_of(self, request: Request) -> Origin:
        guid, path = request.path_params.get("siteId", ""), request.path_params.get("path", "")
        query = request.path_params.get("query", "")
        interaction = interaction_for(request.method, path.rstrip("/"), self.types) if self.is_fhir else None
        if query:
            interaction = sql_interaction(request.method, f"integrator/sites/{guid}/queries/{query}")
        headers = caller_headers(request, self.dialect)
        site = self.find_site(guid.lower()) if guid else self.default_site
        caller = caller_at_upstream(self.upstream_url, headers)
        return Origin(site, headers, interaction or NOT_FHIR, caller)


@dataclass(frozen=True, slots=True)
class EntryRejection:
    """Counts an entry of a batch, or a whole batch, that no handler gets, and responds to it."""

    recorder: Recorder

    def __call__(self, request: FhirRequest, failure: Failure) -> FhirResponse:
        """Return the OperationOutcome of the failure."""
        self.recorder.record_rejection(
            request.site,
            request.headers,
            request.interaction,
            failure.kind,
            caller_of(request),
            request.app,
            request_id=request.request_id,
        )
        response = error_response(failure, request)
        return response.replace(trace_id=request.trace.context.trace_id) if request.trace else response
