"""Counters of requests that the gateway rejects while it reads them: not billed, but failures."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.requests import Request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.interaction import NOT_FHIR, interaction_for
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.http.proved_callers import caller_at_upstream, caller_of
from gateway.ledger.recorder import Recorder
from gateway.sql.interaction import sql_interaction
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web.errors import error_response
from gateway.web.request_checks import caller_headers

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RejectionCounter:
    """Counts rejections by the site and interaction of the path; `default_site` for a path without a GUID.

    `types`: resource types of the upstream.
    """

    recorder: Recorder
    find_site: Callable[[str], Site | None]
    default_site: Site | None = None
    is_fhir: bool = True
    dialect: Dialect = HALO_CONNECT
    upstream_url: str = ""
    types: frozenset[str] = RESOURCE_TYPES

    def __call__(self, request: Request, failure: Failure) -> None:
        """Count one rejection."""
        guid, path = request.path_params.get("siteId", ""), request.path_params.get("path", "")
        query = request.path_params.get("query", "")
        interaction = interaction_for(request.method, path.rstrip("/"), self.types) if self.is_fhir else None
        if query:
            interaction = sql_interaction(request.method, f"integrator/sites/{guid}/queries/{query}")
        headers = caller_headers(request, self.dialect)
        site = self.find_site(guid.lower()) if guid else self.default_site
        code, caller = failure.kind.code, caller_at_upstream(self.upstream_url, headers)
        self.recorder.record_rejection(site, headers, interaction or NOT_FHIR, code, caller)


@dataclass(frozen=True, slots=True)
class EntryRejection:
    """Counts and logs an entry of a batch, or a whole batch, that no handler gets, and responds to it."""

    recorder: Recorder

    def __call__(self, request: FhirRequest, failure: Failure) -> FhirResponse:
        """Return the OperationOutcome of the failure."""
        _log.info("request-rejected", code=failure.kind.code, status=failure.kind.status)
        self.recorder.record_rejection(
            request.site,
            request.headers,
            request.interaction,
            failure.kind.code,
            caller_of(request),
            request.app,
        )
        return error_response(failure, request)
