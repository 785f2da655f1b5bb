"""Endpoint `/admin/advice`: what apps could ask more cheaply."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import SiteNames, json_response, query_parameters
from gateway.advice.adviser import Prices, advise
from gateway.advice.shape_log import ShapeLog

_SCOPE = "The requests that passed the handlers of this process, at most the last 20,000."


@dataclass(frozen=True, slots=True)
class AdviceEndpoints:
    """Endpoint of the adviser; `clock` is the one of the shape log, in seconds."""

    log: ShapeLog
    prices: Prices
    site_names: SiteNames
    now: Callable[[], datetime]
    clock: Callable[[], float]

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {("GET", "/admin/advice"): self.get_advice}

    async def get_advice(self, request: Request) -> Response:
        """Return the advice, the dearest first. Raises Failure 400."""
        query_parameters(request, ())
        records, clock, now = list(self.log), self.clock(), self.now()
        advice = await run_in_threadpool(advise, records, clock, self.prices)
        names, currency = self.site_names.display_name, self.prices.currency
        since = now - timedelta(seconds=clock - records[0].at) if records else now
        fields = {
            "observedSince": since.isoformat(),
            "requests": len(records),
            "scope": _SCOPE,
            "advice": [each.as_json(names(each.finding.record.site), currency) for each in advice],
        }
        return json_response(fields, now)
