"""Counts and log lines of requests that the gateway rejects while it reads them: unbilled, but failures."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.interaction import NOT_FHIR, Interaction, interaction_for
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.http.proved_callers import caller_at_upstream, caller_of
from gateway.ledger.cost import Attribution
from gateway.ledger.recorder import Recorder
from gateway.sql.interaction import sql_interaction
from gateway.telemetry.access_log import CLIENT_LEFT_STATUS, AccessLog, Answer, Sender
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web.errors import error_response
from gateway.web.request_checks import caller_headers
from gateway.web.request_notes import early_end_of


@dataclass(frozen=True, slots=True)
class RejectionCounter:
    """Counts and logs rejections by site and interaction of the path; `default_site` for one without a GUID.

    `types`: resource types of the upstream.
    """

    recorder: Recorder
    find_site: Callable[[str], Site | None]
    default_site: Site | None = None
    is_fhir: bool = True
    dialect: Dialect = HALO_CONNECT
    upstream_url: str = ""
    types: frozenset[str] = RESOURCE_TYPES
    access_log: AccessLog = field(default_factory=AccessLog)

    def __call__(self, request: Request, failure: Failure, answer: Answer) -> None:
        """Count and log one rejection."""
        attribution, interaction = self._count(request, failure, answer)
        sender = Sender(attribution.caller, attribution.app, interaction)
        log_unread(self.access_log, request, answer, sender)

    def _count(self, request: Request, failure: Failure, answer: Answer) -> tuple[Attribution, Interaction]:
        guid, path = request.path_params.get("siteId", ""), request.path_params.get("path", "")
        query = request.path_params.get("query", "")
        interaction = interaction_for(request.method, path.rstrip("/"), self.types) if self.is_fhir else None
        if query:
            interaction = sql_interaction(request.method, f"integrator/sites/{guid}/queries/{query}")
        headers = caller_headers(request, self.dialect)
        site = self.find_site(guid.lower()) if guid else self.default_site
        caller, interaction = caller_at_upstream(self.upstream_url, headers), interaction or NOT_FHIR
        attribution = self.recorder.record_rejection(
            site, headers, interaction, failure.kind, caller, request_id=answer.request_id
        )
        return attribution, interaction


def log_unread(access_log: AccessLog, request: Request, answer: Answer, sender: Sender) -> None:
    """Log a request that no handler saw, unless its connection has answered and logged it.

    One whose client left before all of it had arrived has no response.
    """
    early_end = early_end_of(request.scope)
    if early_end == "answered":
        return
    is_gone = early_end == "client-left"
    if is_gone:
        answer = answer._replace(status=CLIENT_LEFT_STATUS, code="", octets=0)
    access_log.log_unread(request.scope["path"], request.method, answer, sender, is_client_gone=is_gone)


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
        return error_response(failure, request)
