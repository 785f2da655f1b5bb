"""Endpoints and error pages of Starlette whose requests are logged."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import Request
from starlette.responses import Response

from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.telemetry.access_log import AccessLog, Answer, Sender
from gateway.web.errors import not_found
from gateway.web.rejections import log_unread
from gateway.web.request_notes import code_of

Respond = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class LoggedResponses:
    """Logs requests that are answered without a handler."""

    access_log: AccessLog

    def of(self, respond: Respond, interaction: Interaction = NOT_FHIR) -> Respond:
        """Return an endpoint that logs each request with its response."""

        async def respond_and_log(request: Request) -> Response:
            start = perf_counter()
            response = await respond(request)
            self._log(request, response, perf_counter() - start, interaction)
            return response

        return respond_and_log

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Log a request to an unknown path, or by a method that its path does not have, and respond."""
        response = await not_found(request, error)
        self._log(request, response, 0.0, NOT_FHIR)
        return response

    def _log(self, request: Request, response: Response, seconds: float, interaction: Interaction) -> None:
        identifier, octets = response.headers["x-request-id"], len(response.body)
        answer = Answer(identifier, response.status_code, code_of(request.scope), octets, seconds)
        log_unread(self.access_log, request, answer, Sender(interaction=interaction))
