"""Endpoints and error pages of Starlette whose requests are reported."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors.failure import Failure
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.telemetry.access_log import Answer
from gateway.web.errors import not_found, rejection_response
from gateway.web.request_notes import failure_of
from gateway.web.unread_requests import UnreadRequests

Respond = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class LoggedResponses:
    """Reports requests that are answered without a handler."""

    unread: UnreadRequests

    def of(self, respond: Respond, interaction: Interaction = NOT_FHIR) -> Respond:
        """Return an endpoint that reports each request with its response."""

        async def respond_and_report(request: Request) -> Response:
            start = perf_counter()
            response = await respond(request)
            self._report(request, response, perf_counter() - start, interaction)
            return response

        return respond_and_report

    def refuse(self, failure: Failure, request: Request) -> Response:
        """Report a request that a middleware refuses, and respond."""
        response = rejection_response(failure, request)
        self._report(request, response, 0.0, NOT_FHIR)
        return response

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Report a request to an unknown path, or by a method that its path does not have, and respond."""
        response = await not_found(request, error)
        self._report(request, response, 0.0, NOT_FHIR)
        return response

    def _report(self, request: Request, response: Response, seconds: float, interaction: Interaction) -> None:
        identifier, octets = response.headers["x-request-id"], len(response.body)
        answer = Answer(identifier, response.status_code, failure_of(request.scope), octets, seconds)
        self.unread.report(request.scope, answer, interaction)
