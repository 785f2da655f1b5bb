"""What a status alone means, for every upstream: the rows after a dialect's own.

An unknown shape under a status that does not speak for itself has no row: it is `upstream-unrecognised`.
"""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.error_rule import ErrorRule, Shape
from gateway.upstreams.searchset_outcomes import UNSUPPORTED_PARAMETER

#: Statuses that mean nothing without a body that can be read.
UNINFORMATIVE_STATUSES = frozenset({*range(200, 300), 400, 500, 502})
_NON_ERROR_SHAPES = frozenset({"html", "text", "empty", "truncated", "resource"})
KNOWN_SHAPES = frozenset(get_args(Shape)) - {"unknown", "resource"}

_YES, _ONCE, _CHANGE, _FIX, _NO = (
    RetryAdvice.YES,
    RetryAdvice.ONCE,
    RetryAdvice.AFTER_CHANGE,
    RetryAdvice.AFTER_FIX,
    RetryAdvice.NO,
)
_MESSAGE_CODES = {404: "MSG_NO_EXIST", 405: "MSG_OP_NOT_ALLOWED", 412: "MSG_VERSION_AWARE_CONFLICT"}
_RELAYED_STATUSES = frozenset({400, 404, 409, 412, 422})

OTHER_4XX = FailureKind(
    "upstream-4xx",
    400,
    "processing",
    "The upstream refused the request with a status that has no common meaning. See diagnostics.",
)
OTHER_5XX = FailureKind(
    "upstream-5xx",
    502,
    "exception",
    "The upstream failed with a status that has no common meaning. Try again later.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)


class _StatusTranslation(NamedTuple):
    status: int
    issue: str
    retry_advice: RetryAdvice
    retry_after: int | None = None


#: our status, issue type, repeat, Retry-After -> the upstream's statuses and what to say
_STATUS_TRANSLATIONS: dict[_StatusTranslation, dict[tuple[int, ...], str]] = {
    _StatusTranslation(502, "exception", _NO): {
        (100, 101, 102, 103): "The upstream ended an exchange with an interim answer.",
        (206, 207, 208, 226): "The upstream sent a kind of success FHIR does not know.",
        (*range(300, 304), *range(305, 309)): "The upstream redirected elsewhere. Tell the operator.",
        (406,): "The upstream cannot send FHIR JSON. Tell the gateway's operator.",
        (416, 417, 418, 426): "The upstream refused the gateway's way of asking.",
    },
    _StatusTranslation(400, "invalid", _CHANGE): {
        (400,): "The upstream refused the request. Correct it by diagnostics.",
    },
    _StatusTranslation(502, "business-rule", _FIX): {
        (402,): "The upstream's account needs attention. The gateway's operator has to act.",
    },
    _StatusTranslation(403, "forbidden", _FIX): {
        (403,): "The upstream refuses this to your account. Ask it for the right.",
    },
    _StatusTranslation(404, "not-found", _NO): {
        (404,): "Nothing is there. Check the type, the id and the path.",
    },
    _StatusTranslation(405, "not-supported", _NO): {
        (405,): "The upstream does not allow this method here.",
    },
    _StatusTranslation(502, "security", _FIX): {
        (407, 511): "The gateway's network wants a login. Its operator has to act.",
    },
    _StatusTranslation(504, "timeout", _YES, 5): {
        (408,): "The upstream gave up waiting for the request. Try again.",
    },
    _StatusTranslation(409, "conflict", _CHANGE): {
        (409,): "The change contradicts what is stored now. Read, then decide.",
    },
    _StatusTranslation(410, "deleted", _NO): {
        (410,): "It was there and has been removed. Search again instead of repeating.",
    },
    _StatusTranslation(500, "exception", _NO): {
        (411,): "The gateway sent a malformed request. Tell its operator.",
    },
    _StatusTranslation(412, "conflict", _CHANGE): {
        (412,): "The resource has changed since you read it, or several match. Read again, then decide.",
    },
    _StatusTranslation(413, "too-long", _CHANGE): {
        (413,): "The request is larger than the upstream takes. Send a smaller one.",
    },
    _StatusTranslation(414, "too-long", _CHANGE): {
        (414,): "The URL is too long. Search by POST to _search.",
    },
    _StatusTranslation(415, "not-supported", _CHANGE): {
        (415,): "The upstream does not take this media type. Send FHIR JSON.",
    },
    _StatusTranslation(502, "security", _ONCE): {
        (419, 440): "The gateway's session at the upstream has ended. Try again.",
    },
    _StatusTranslation(502, "transient", _YES, 5): {
        (421, 499): "The upstream dropped the request. Try again.",
    },
    _StatusTranslation(422, "business-rule", _CHANGE): {
        (422,): "The upstream rejected the content. Correct it by diagnostics.",
    },
    _StatusTranslation(503, "transient", _YES, 5): {
        (425,): "The upstream was not ready for the request. Try again.",
    },
    _StatusTranslation(503, "lock-error", _YES, 5): {
        (423,): "The record is in use by somebody else. Try again.",
    },
    _StatusTranslation(502, "processing", _NO): {
        (424,): "The upstream could not do this because a step before it failed.",
    },
    _StatusTranslation(428, "business-rule", _CHANGE): {
        (428,): "The upstream wants If-Match with a change. Read first, then send it.",
    },
    _StatusTranslation(502, "exception", _CHANGE): {
        (431,): "The request's header fields are too large. Send fewer or shorter.",
    },
    _StatusTranslation(451, "suppressed", _NO): {
        (451,): "The upstream may not show this for legal reasons.",
    },
    _StatusTranslation(501, "not-supported", _NO): {
        (501,): "The upstream does not offer this.",
    },
    _StatusTranslation(502, "exception", _FIX): {
        (505, 506, 510): "The upstream is set up wrongly. Tell the gateway's operator.",
        (508,): "The request went round in a circle. Tell the gateway's operator.",
        (525, 526): "The upstream's certificate is not accepted. Tell the operator.",
    },
    _StatusTranslation(503, "no-store", _YES, 300): {
        (507,): "The upstream has no room to store this. Try again later.",
    },
    _StatusTranslation(502, "transient", _YES, 10): {
        (520,): "A server before the upstream failed. Try again.",
    },
    _StatusTranslation(503, "no-store", _YES, 30): {
        (521, 523): "The upstream is down or cannot be reached. Try again later.",
    },
    _StatusTranslation(504, "timeout", _YES, 30): {
        (522, 524): "The upstream did not answer in time. Narrow the request or wait.",
    },
}


def _status_rule(status: int, kind: FailureKind) -> ErrorRule:
    shapes = KNOWN_SHAPES if status in UNINFORMATIVE_STATUSES else frozenset()
    return ErrorRule(
        f"http-{status}", kind, status={status}, shapes=shapes, relays_issue_type=status in _RELAYED_STATUSES
    )


def _status_kind(status: int, meaning: _StatusTranslation, text: str) -> FailureKind:
    ours, issue, repeat, wait = meaning
    return FailureKind(
        "upstream-status", ours, issue, text, "error", _MESSAGE_CODES.get(status, ""), repeat, wait
    )


def _status_rules() -> Iterator[ErrorRule]:
    for meaning, texts in _STATUS_TRANSLATIONS.items():
        for statuses, text in texts.items():
            yield from (_status_rule(status, _status_kind(status, meaning, text)) for status in statuses)


RULES: tuple[ErrorRule, ...] = (
    ErrorRule(
        "http-200-parameter",
        failures.PARAMETER_UNKNOWN,
        range(200, 206),
        shapes={"outcome"},
        message_pattern=UNSUPPORTED_PARAMETER,
    ),
    ErrorRule(
        "http-200-error-body",
        failures.ERROR_IN_200,
        status=range(200, 206),
        shapes=KNOWN_SHAPES - _NON_ERROR_SHAPES,
    ),
    ErrorRule("http-200-not-fhir", failures.NOT_FHIR, status=range(200, 206), shapes=_NON_ERROR_SHAPES),
    ErrorRule(
        "http-401",
        failures.CREDENTIALS_INVALID,
        status={401},
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    _status_rule(429, failures.RATE_LIMITED),
    _status_rule(500, failures.SERVER_ERROR),
    _status_rule(502, failures.BAD_GATEWAY),
    _status_rule(503, failures.UNAVAILABLE),
    _status_rule(504, failures.TIMEOUT),
    *_status_rules(),
    ErrorRule("http-other-4xx", OTHER_4XX, status=range(400, 500), shapes=KNOWN_SHAPES),
    ErrorRule("http-other-5xx", OTHER_5XX, status=range(500, 600), shapes=KNOWN_SHAPES),
)
