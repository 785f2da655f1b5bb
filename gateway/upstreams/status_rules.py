"""What a status alone means, for every upstream: the rows after a dialect's own.

An unknown shape under a status that does not speak for itself has no row: it is `upstream-unrecognised`.
"""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from gateway.errors.failure import Kind, Repeat
from gateway.upstreams import failures
from gateway.upstreams.error_rule import Row, Shape
from gateway.upstreams.searchset_outcomes import UNSUPPORTED

#: Statuses that mean nothing without a body that can be read.
UNTELLING = frozenset({*range(200, 300), 400, 500, 502})
_NO_ERRORS = frozenset({"html", "text", "empty", "truncated", "resource"})
KNOWN_SHAPES = frozenset(get_args(Shape)) - {"unknown", "resource"}

_YES, _ONCE, _CHANGE, _FIX, _NO = Repeat.YES, Repeat.ONCE, Repeat.AFTER_CHANGE, Repeat.AFTER_FIX, Repeat.NO
_MESSAGES = {404: "MSG_NO_EXIST", 405: "MSG_OP_NOT_ALLOWED", 412: "MSG_VERSION_AWARE_CONFLICT"}
_RELAYED = frozenset({400, 404, 409, 412, 422})

OTHER_4XX = Kind(
    "upstream-4xx",
    400,
    "processing",
    "The upstream refused the request with a status that has no common meaning. See diagnostics.",
)
OTHER_5XX = Kind(
    "upstream-5xx",
    502,
    "exception",
    "The upstream failed with a status that has no common meaning. Try again later.",
    repeat=Repeat.YES,
    retry_after=10,
)


class _Meaning(NamedTuple):
    status: int
    issue: str
    repeat: Repeat
    retry_after: int | None = None


#: our status, issue type, repeat, Retry-After -> the upstream's statuses and what to say
_MEANINGS: dict[_Meaning, dict[tuple[int, ...], str]] = {
    _Meaning(502, "exception", _NO): {
        (100, 101, 102, 103): "The upstream ended an exchange with an interim answer.",
        (206, 207, 208, 226): "The upstream sent a kind of success FHIR does not know.",
        (*range(300, 304), *range(305, 309)): "The upstream redirected elsewhere. Tell the operator.",
        (406,): "The upstream cannot send FHIR JSON. Tell the gateway's operator.",
        (416, 417, 418, 426): "The upstream refused the gateway's way of asking.",
    },
    _Meaning(400, "invalid", _CHANGE): {
        (400,): "The upstream refused the request. Correct it by diagnostics.",
    },
    _Meaning(502, "business-rule", _FIX): {
        (402,): "The upstream's account needs attention. The gateway's operator has to act.",
    },
    _Meaning(403, "forbidden", _FIX): {
        (403,): "The upstream refuses this to your account. Ask it for the right.",
    },
    _Meaning(404, "not-found", _NO): {
        (404,): "Nothing is there. Check the type, the id and the path.",
    },
    _Meaning(405, "not-supported", _NO): {
        (405,): "The upstream does not allow this method here.",
    },
    _Meaning(502, "security", _FIX): {
        (407, 511): "The gateway's network wants a login. Its operator has to act.",
    },
    _Meaning(504, "timeout", _YES, 5): {
        (408,): "The upstream gave up waiting for the request. Try again.",
    },
    _Meaning(409, "conflict", _CHANGE): {
        (409,): "The change contradicts what is stored now. Read, then decide.",
    },
    _Meaning(410, "deleted", _NO): {
        (410,): "It was there and has been removed. Search again instead of repeating.",
    },
    _Meaning(500, "exception", _NO): {
        (411,): "The gateway sent a malformed request. Tell its operator.",
    },
    _Meaning(412, "conflict", _CHANGE): {
        (412,): "The resource has changed since you read it, or several match. Read again, then decide.",
    },
    _Meaning(413, "too-long", _CHANGE): {
        (413,): "The request is larger than the upstream takes. Send a smaller one.",
    },
    _Meaning(414, "too-long", _CHANGE): {
        (414,): "The URL is too long. Search by POST to _search.",
    },
    _Meaning(415, "not-supported", _CHANGE): {
        (415,): "The upstream does not take this media type. Send FHIR JSON.",
    },
    _Meaning(502, "security", _ONCE): {
        (419, 440): "The gateway's session at the upstream has ended. Try again.",
    },
    _Meaning(502, "transient", _YES, 5): {
        (421, 499): "The upstream dropped the request. Try again.",
    },
    _Meaning(422, "business-rule", _CHANGE): {
        (422,): "The upstream rejected the content. Correct it by diagnostics.",
    },
    _Meaning(503, "transient", _YES, 5): {
        (425,): "The upstream was not ready for the request. Try again.",
    },
    _Meaning(503, "lock-error", _YES, 5): {
        (423,): "The record is in use by somebody else. Try again.",
    },
    _Meaning(502, "processing", _NO): {
        (424,): "The upstream could not do this because a step before it failed.",
    },
    _Meaning(428, "business-rule", _CHANGE): {
        (428,): "The upstream wants If-Match with a change. Read first, then send it.",
    },
    _Meaning(502, "exception", _CHANGE): {
        (431,): "The request's header fields are too large. Send fewer or shorter.",
    },
    _Meaning(451, "suppressed", _NO): {
        (451,): "The upstream may not show this for legal reasons.",
    },
    _Meaning(501, "not-supported", _NO): {
        (501,): "The upstream does not offer this.",
    },
    _Meaning(502, "exception", _FIX): {
        (505, 506, 510): "The upstream is set up wrongly. Tell the gateway's operator.",
        (508,): "The request went round in a circle. Tell the gateway's operator.",
        (525, 526): "The upstream's certificate is not accepted. Tell the operator.",
    },
    _Meaning(503, "no-store", _YES, 300): {
        (507,): "The upstream has no room to store this. Try again later.",
    },
    _Meaning(502, "transient", _YES, 10): {
        (520,): "A server before the upstream failed. Try again.",
    },
    _Meaning(503, "no-store", _YES, 30): {
        (521, 523): "The upstream is down or cannot be reached. Try again later.",
    },
    _Meaning(504, "timeout", _YES, 30): {
        (522, 524): "The upstream did not answer in time. Narrow the request or wait.",
    },
}


def _row(status: int, kind: Kind) -> Row:
    shapes = KNOWN_SHAPES if status in UNTELLING else frozenset()
    return Row(f"http-{status}", kind, status={status}, shapes=shapes, relays=status in _RELAYED)


def _kind(status: int, meaning: _Meaning, text: str) -> Kind:
    ours, issue, repeat, wait = meaning
    return Kind("upstream-status", ours, issue, text, "error", _MESSAGES.get(status, ""), repeat, wait)


def _rows() -> Iterator[Row]:
    for meaning, texts in _MEANINGS.items():
        for statuses, text in texts.items():
            yield from (_row(status, _kind(status, meaning, text)) for status in statuses)


ROWS: tuple[Row, ...] = (
    Row(
        "http-200-parameter",
        failures.PARAMETER_UNKNOWN,
        range(200, 206),
        shapes={"outcome"},
        says=UNSUPPORTED,
    ),
    Row(
        "http-200-error-body", failures.ERROR_IN_200, status=range(200, 206), shapes=KNOWN_SHAPES - _NO_ERRORS
    ),
    Row("http-200-not-fhir", failures.NOT_FHIR, status=range(200, 206), shapes=_NO_ERRORS),
    Row("http-401", failures.CREDENTIALS, status={401}, own=failures.OWN_CREDENTIALS),
    _row(429, failures.RATE_LIMITED),
    _row(500, failures.FAILED),
    _row(502, failures.BAD_GATEWAY),
    _row(503, failures.UNAVAILABLE),
    _row(504, failures.TIMEOUT),
    *_rows(),
    Row("http-other-4xx", OTHER_4XX, status=range(400, 500), shapes=KNOWN_SHAPES),
    Row("http-other-5xx", OTHER_5XX, status=range(500, 600), shapes=KNOWN_SHAPES),
)
