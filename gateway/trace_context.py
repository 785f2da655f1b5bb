"""W3C Trace Context: which trace a request belongs to (https://www.w3.org/TR/trace-context/)."""

import re
from typing import Final, NamedTuple, Self

#: Version, trace id, parent id and flags; a later version may have more fields.
_TRACEPARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
#: Longest traceparent and tracestate that are read, in characters, and most members of the latter.
_MAX_TRACEPARENT, _MAX_TRACESTATE, _MAX_MEMBERS = 256, 512, 32
_KEY: Final = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"
#: One member of a tracestate: a key, and a value of visible ASCII without comma and equals sign.
_MEMBER: Final = re.compile(rf"[ \t]*(?:{_KEY}=[ -+\--<>-~]{{0,255}}[!-+\--<>-~])?[ \t]*")
_SAMPLED: Final = 1


class TraceContext(NamedTuple):
    """A span's identity: ids in lower-case hexadecimal; `state`: a client's tracestate.

    An empty `trace_id` stands for a request that belongs to no trace.
    """

    trace_id: str = ""
    span_id: str = ""
    is_sampled: bool = False
    state: str = ""

    @property
    def header_fields(self) -> tuple[tuple[str, str], ...]:
        """Fields that name this span as the parent; none without a trace."""
        if not self.trace_id:
            return ()
        parent = f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"
        return (("traceparent", parent), *((("tracestate", self.state),) if self.state else ()))

    def child(self, span_id: str) -> Self:
        """Return the context of a span below this one."""
        return self._replace(span_id=span_id)


class RequestTrace(NamedTuple):
    """Trace of one request, while the gateway handles it.

    `context` is that of the span that is its present parent. `sent_fields`: header fields that go upstream.
    """

    context: TraceContext
    sent_fields: tuple[tuple[str, str], ...] = ()


def read_context(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """Return the context in a client's fields; None unless `traceparent` is valid.

    A tracestate that is not valid is left out, as the specification demands.
    """
    match = _TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= _MAX_TRACEPARENT else None
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return None
    trace_id, span_id = match["trace"], match["parent"]
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    is_sampled = bool(int(match["flags"], 16) & _SAMPLED)
    return TraceContext(trace_id, span_id, is_sampled, _checked_state(tracestate))


def _checked_state(tracestate: str) -> str:
    """Return a tracestate with at most 32 members of 512 characters together, or an empty text."""
    members = tracestate.split(",")
    if len(tracestate) > _MAX_TRACESTATE or len(members) > _MAX_MEMBERS:
        return ""
    keys = [member.partition("=")[0].strip() for member in members if member.strip()]
    is_valid = all(map(_MEMBER.fullmatch, members)) and len(set(keys)) == len(keys)
    return tracestate.strip() if is_valid else ""
