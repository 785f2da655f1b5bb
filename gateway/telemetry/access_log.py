"""Access log: one line per request with its names, codes, size and duration, but no values."""

import logging
from collections.abc import Callable
from time import perf_counter

import structlog

from gateway.dates.registry import is_registered
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.search_params import RESULT_PARAMETERS, Parameter

_log = structlog.get_logger()


class AccessLog:
    """Outermost handler: logs each request after its response."""

    def __init__(self, inner: Handler, clock: Callable[[], float] = perf_counter) -> None:
        self._inner = inner
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged."""
        start = self._clock()
        response = await self._inner(request)
        if not _log.is_enabled_for(logging.INFO):
            return response
        _log.info(
            "request",
            **request_log_fields(request),
            status=response.status,
            repairs=response.applied_repairs,
            bytes=len(response.body),
            ms=round((self._clock() - start) * 1000, 1),
        )
        return response


def request_log_fields(request: FhirRequest) -> dict[str, object]:
    """Return the fields of a request that may be logged: names and codes, no values, ids or paths."""
    app = {"app": request.app} if request.app else {}
    return {
        "request_id": request.request_id,
        **app,
        "site": request.site.name if request.site else "",
        "method": request.method,
        "interaction": request.interaction.name,
        "type": request.interaction.type,
        "parameters": sorted(
            {_loggable_parameter(request, parameter) for parameter in request.client_search.parameters}
        ),
    }


def _loggable_parameter(request: FhirRequest, parameter: Parameter) -> str:
    """Return the parameter's code if R4 defines it: an unknown name may be a value in the wrong place."""
    code = parameter.code.partition(".")[0]
    return code if code in RESULT_PARAMETERS or is_registered(request.interaction.type, code) else "other"
