"""Handlers that record spans: one for each request and batch entry, and one for each upstream request."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns
from typing import Literal, NamedTuple, Protocol

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Headers
from gateway.http.cache_status import cache_outcome
from gateway.http.headers import ATTEMPTS_HEADER
from gateway.ledger.cost import Attribution
from gateway.telemetry.access_log import CLIENT_LEFT_STATUS, Answer
from gateway.telemetry.tracing_attributes import (
    OTHER_METHOD,
    AttributeValue,
    permitted_attributes,
    url_template,
)
from gateway.trace_context import RequestTrace, TraceContext, read_context

SpanKind = Literal["server", "internal", "client"]
#: `error.type` of a request that ended without a response, because its client left or the gateway ends.
CANCELLED = "cancelled"


class SpanRecord(NamedTuple):
    """A span that has ended: times in nanoseconds since 1970, `parent_id` empty without a parent."""

    context: TraceContext
    parent_id: str
    kind: SpanKind
    start: int
    end: int
    attributes: dict[str, AttributeValue]
    has_failed: bool = False
    is_parent_remote: bool = False


class SpanSink(Protocol):
    """What takes spans that have ended; see `telemetry/tracing.py`."""

    def add(self, span: SpanRecord) -> None:
        """Take a span; never waits and never fails."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which requests are recorded, and what of a client's context goes upstream.

    The draw is the gateway's own: a client whose trace is recorded cannot cause more records than others,
    and one whose trace is not recorded (flag 00) causes none.
    """

    ratio: float
    propagate: bool = False
    draw: Callable[[], float] = random.random

    def trace_of(self, headers: Headers) -> tuple[RequestTrace, TraceContext | None]:
        """Return the trace of a client's request, and its parent at the client if it has a valid one."""
        parent = _client_context(headers, with_state=self.propagate)
        may_record = parent is None or parent.is_sampled
        if may_record and self.draw() < self.ratio:
            context = TraceContext(parent.trace_id if parent else _new_id(128), _new_id(64), is_sampled=True)
            return self._trace(context._replace(state=parent.state if parent else "")), parent
        fields = parent.header_fields if parent and self.propagate else ()
        unrecorded = (parent or TraceContext())._replace(is_sampled=False)
        return RequestTrace(unrecorded, fields), parent

    def child_of(self, trace: RequestTrace) -> RequestTrace:
        """Return the trace of a span below this one."""
        return self._trace(trace.context.child(_new_id(64)))

    def _trace(self, context: TraceContext) -> RequestTrace:
        return RequestTrace(context, context.header_fields if self.propagate else ())


def _client_context(headers: Headers, *, with_state: bool) -> TraceContext | None:
    """Context of a client's fields; None without exactly one traceparent."""
    parents = [value for name, value in headers if name == "traceparent"]
    states = ",".join([value for name, value in headers if name == "tracestate"]) if with_state else ""
    return read_context(parents[0], states) if len(parents) == 1 else None


def _new_id(bits: int) -> str:
    """Return a random id that is not zero, in hexadecimal."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"


class RequestSpans:
    """Outside of what responds to failures: records a span for each request and entry of a batch."""

    def __init__(
        self,
        inner: Handler,
        sink: SpanSink,
        sampling: Sampling,
        attribution_of: Callable[[FhirRequest], Attribution],
    ) -> None:
        self._inner = inner
        self._sink = sink
        self._sampling = sampling
        self._attribution_of = attribution_of

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response with the id of its trace."""
        batch, parent = request.trace, None
        if batch is None:
            trace, parent = self._sampling.trace_of(request.headers)
        elif batch.context.is_sampled:
            trace, parent = self._sampling.child_of(batch), batch.context
        else:
            trace = RequestTrace(batch.context, batch.sent_fields)
        trace_id = trace.context.trace_id
        if request.effects:
            request.effects.trace_id = trace_id
        if not trace.context.is_sampled:
            unrecorded = await self._inner(request.replace(trace=trace))
            return unrecorded.replace(trace_id=trace_id) if trace_id else unrecorded
        start, response = time_ns(), None
        try:
            response = await self._inner(request.replace(trace=trace))
        finally:
            attributes = self._attributes(request, response)
            kind: SpanKind = "internal" if batch else "server"
            self._sink.add(_record(trace.context, parent, kind, start, attributes))
        return response.replace(trace_id=trace_id)

    def _attributes(self, request: FhirRequest, response: FhirResponse | None) -> dict[str, AttributeValue]:
        attribution = self._attribution_of(request)
        names = {"halo_gateway.app": request.app, "halo_gateway.site": attribution.name}
        return _request_attributes(request) | _without_empty(names) | _response_attributes(response)


class UpstreamSpans:
    """Wraps the client of an upstream: records a span for each upstream request."""

    def __init__(self, inner: Handler, sink: SpanSink, sampling: Sampling, upstream: str) -> None:
        self._inner = inner
        self._sink = sink
        self._sampling = sampling
        self._upstream = upstream

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        parent = request.trace
        if parent is None or not parent.context.is_sampled:
            return await self._inner(request)
        trace, start, answer = self._sampling.child_of(parent), time_ns(), None
        code = CANCELLED
        try:
            answer = await self._inner(request.replace(trace=trace))
        except Failure as failure:
            answer, code = failure.upstream_response, failure.kind.code
            raise
        else:
            code = ""
            return answer
        finally:
            attributes = self._attributes(request, answer, code)
            self._sink.add(_record(trace.context, parent.context, "client", start, attributes))

    def _attributes(
        self, request: FhirRequest, answer: FhirResponse | None, code: str
    ) -> dict[str, AttributeValue]:
        names = {"halo_gateway.upstream": self._upstream, "error.type": code}
        return _request_attributes(request) | _answer_attributes(answer) | _without_empty(names)


def unread_span(
    sampling: Sampling, headers: Headers, method: str, answer: Answer
) -> tuple[str, SpanRecord | None]:
    """Return the trace id of a request that no handler saw, and its span: None if it is not recorded.

    One that did not fail has none. One without a response, because its client left, has no status.
    """
    is_gone = answer.status == CLIENT_LEFT_STATUS
    if answer.kind is None and not is_gone:
        parent = _client_context(headers, with_state=False)
        return parent.trace_id if parent else "", None
    trace, parent = sampling.trace_of(headers)
    if not trace.context.is_sampled:
        return trace.context.trace_id, None
    status: dict[str, AttributeValue] = {} if is_gone else {"http.response.status_code": answer.status}
    attributes = status | {
        "http.request.method": _known_method(method),
        "error.type": answer.kind.code if answer.kind else CANCELLED,
        "url.template": "{path}",
    }
    start = time_ns() - int(answer.seconds * 1e9)
    span = _record(trace.context, parent, "server", start, permitted_attributes(attributes))
    return trace.context.trace_id, span


def _record(
    context: TraceContext,
    parent: TraceContext | None,
    kind: SpanKind,
    start: int,
    attributes: dict[str, AttributeValue],
) -> SpanRecord:
    """Return the record of a span that ends now; its tracestate stays here."""
    status = attributes.get("http.response.status_code", 0)
    limit = 500 if kind != "client" else 400  # OpenTelemetry, HTTP spans: a 4xx is no error of a server
    has_failed = isinstance(status, int) and (status >= limit or not status)
    parent_id = parent.span_id if parent else ""
    is_remote = kind == "server" and parent is not None
    own = context._replace(state="")
    return SpanRecord(own, parent_id, kind, start, time_ns(), attributes, has_failed, is_remote)


def _request_attributes(request: FhirRequest) -> dict[str, AttributeValue]:
    interaction = request.interaction
    names = {
        "http.request.method": _known_method(request.method),
        "url.template": url_template(interaction),
        "fhir.interaction": interaction.name,
        "fhir.resource_type": interaction.type,
    }
    return _without_empty(names)


def _known_method(method: str) -> str:
    known = permitted_attributes({"http.request.method": method})
    return str(known.get("http.request.method", OTHER_METHOD))


def _answer_attributes(response: FhirResponse | None) -> dict[str, AttributeValue]:
    if response is None:
        return {}
    return {"http.response.status_code": response.status, "http.response.body.size": len(response.body)}


def _response_attributes(response: FhirResponse | None) -> dict[str, AttributeValue]:
    if response is None:
        return {"error.type": CANCELLED}
    attempts = response.header(ATTEMPTS_HEADER)
    counts = {"halo_gateway.upstream_requests": response.upstream_use.requests}
    if attempts.isdecimal():
        counts["http.request.resend_count"] = int(attempts) - 1
    names = {
        "halo_gateway.cache": cache_outcome(response.header("cache-status"), response.status),
        "error.type": response.failure_code,
    }
    repairs = {"halo_gateway.repairs": response.applied_repairs} if response.applied_repairs else {}
    return _answer_attributes(response) | counts | _without_empty(names) | repairs


def _without_empty(names: dict[str, str]) -> dict[str, AttributeValue]:
    """Return the names that are not empty."""
    return {name: value for name, value in names.items() if value}
