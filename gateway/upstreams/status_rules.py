"""Error rules by status, shared by all upstreams; they follow the rules of the dialect.

An unknown shape under an uninformative status matches no rule: it is `upstream-unrecognised`. Only a 4xx of
a vendor other than Halo is its refusal in any shape (`REFUSAL_RULES`).
"""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.error_rule import ErrorRule, Shape
from gateway.upstreams.searchset_outcomes import UNSUPPORTED_PARAMETER

#: Statuses that do not identify the failure without a readable body.
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
#: Statuses with which a server refuses a request before it acts on it (RFC 9110 section 15).
_REFUSALS_BEFORE_RUNNING = frozenset({402, 407, 411, 416, 417, 418, 426, 501, 505, 506, 510, 511, 525, 526})
_RELAYED_STATUSES = frozenset({400, 404, 409, 412, 422})

OTHER_4XX = FailureKind(
    "upstream-4xx",
    400,
    "processing",
    "The upstream refused the request with a non-standard status. See the upstream's text in diagnostics.",
)
OTHER_5XX = FailureKind(
    "upstream-5xx",
    502,
    "exception",
    "The upstream failed with a non-standard status. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)


class _StatusTranslation(NamedTuple):
    status: int
    issue: str
    retry_advice: RetryAdvice
    retry_after: int | None = None


#: The gateway's status, issue type, advice and Retry-After (seconds) -> upstream statuses, and the text.
_STATUS_TRANSLATIONS: dict[_StatusTranslation, dict[tuple[int, ...], str]] = {
    _StatusTranslation(502, "exception", _NO): {
        (100, 101, 102, 103): "The upstream sent only an interim response. Tell the gateway's operator.",
        (
            206,
            207,
            208,
            226,
        ): "The upstream's success status is unknown to FHIR. Tell the gateway's operator.",
        (*range(300, 304), *range(305, 309)): "The upstream redirected. Tell the gateway's operator.",
        (406,): "The upstream cannot send FHIR JSON. Tell the gateway's operator.",
        (416, 417, 418, 426): "The upstream rejected the gateway's request format. Tell the gateway's"
        " operator.",
    },
    _StatusTranslation(400, "invalid", _CHANGE): {
        (400,): "The upstream refused the request. Correct it according to the text in diagnostics.",
    },
    _StatusTranslation(502, "business-rule", _FIX): {
        (402,): "The account at the upstream requires payment. The gateway's operator must act.",
    },
    _StatusTranslation(403, "forbidden", _FIX): {
        (403,): "Your account is not permitted to do this. Ask the upstream's operator for access.",
    },
    _StatusTranslation(404, "not-found", _NO): {
        (404,): "The upstream has no resource at this URL. Check the type, the id and the path.",
    },
    _StatusTranslation(405, "not-supported", _NO): {
        (
            405,
        ): "The upstream does not allow this method at this URL. Use a method that the Allow header or the"
        " CapabilityStatement lists.",
    },
    _StatusTranslation(502, "security", _FIX): {
        (407, 511): "The gateway's network requires authentication. The gateway's operator must configure"
        " it.",
    },
    _StatusTranslation(504, "timeout", _YES, 5): {
        (408,): "The upstream received no complete request in time. Retry after the time in Retry-After.",
    },
    _StatusTranslation(409, "conflict", _CHANGE): {
        (409,): "The change conflicts with the stored resource. Read the resource again, then decide.",
    },
    _StatusTranslation(410, "deleted", _NO): {
        (410,): "The resource has been deleted. Do not repeat the request; search again.",
    },
    _StatusTranslation(500, "exception", _NO): {
        (411,): "The gateway sent a malformed request. Tell the gateway's operator.",
    },
    _StatusTranslation(412, "conflict", _CHANGE): {
        (412,): "The resource has changed, or several resources match. Read it again, then decide.",
    },
    _StatusTranslation(413, "too-long", _CHANGE): {
        (413,): "The request is larger than the upstream accepts. Send a smaller request.",
    },
    _StatusTranslation(414, "too-long", _CHANGE): {
        (
            414,
        ): "The URL is longer than the upstream accepts. Send a search by POST to _search; shorten any other"
        " URL.",
    },
    _StatusTranslation(415, "not-supported", _CHANGE): {
        (415,): "The upstream does not accept this media type. Send FHIR JSON.",
    },
    _StatusTranslation(502, "security", _ONCE): {
        (419, 440): "The gateway's session at the upstream has ended. Retry once.",
    },
    _StatusTranslation(502, "transient", _YES, 5): {
        (421, 499): "The upstream dropped the request. Retry after the time in Retry-After.",
    },
    _StatusTranslation(422, "business-rule", _CHANGE): {
        (422,): "The upstream refused the content. Correct it according to the text in diagnostics.",
    },
    _StatusTranslation(503, "transient", _YES, 5): {
        (425,): "The upstream was not ready for the request. Retry after the time in Retry-After.",
    },
    _StatusTranslation(503, "lock-error", _YES, 5): {
        (423,): "The record is locked by another user. Retry after the time in Retry-After.",
    },
    _StatusTranslation(502, "processing", _NO): {
        (424,): "The upstream could not do this because an earlier step failed. Check that step first.",
    },
    _StatusTranslation(428, "business-rule", _CHANGE): {
        (428,): "The upstream requires If-Match. Read the resource, then send the change with its ETag.",
    },
    _StatusTranslation(502, "exception", _CHANGE): {
        (431,): "The request's header fields are too large. Send fewer or shorter header fields.",
    },
    _StatusTranslation(451, "suppressed", _NO): {
        (451,): "The upstream withholds this for legal reasons. Do not repeat the request.",
    },
    _StatusTranslation(501, "not-supported", _NO): {
        (501,): "The upstream does not support this. Do not repeat the request.",
    },
    _StatusTranslation(502, "exception", _FIX): {
        (505, 506, 510): "The upstream's configuration is wrong. Tell the gateway's operator.",
        (508,): "The upstream detected an infinite loop. Tell the gateway's operator.",
        (525, 526): "The upstream's TLS certificate is not accepted. Tell the gateway's operator.",
    },
    _StatusTranslation(503, "no-store", _YES, 300): {
        (507,): "The upstream has too little storage for this. Retry after the time in Retry-After.",
    },
    _StatusTranslation(502, "transient", _YES, 10): {
        (520,): "A server before the upstream failed. Retry after the time in Retry-After.",
    },
    _StatusTranslation(503, "no-store", _YES, 30): {
        (521, 523): "The upstream is down or cannot be reached. Retry after the time in Retry-After.",
    },
    _StatusTranslation(504, "timeout", _YES, 30): {
        (522, 524): "The upstream did not respond in time. Narrow the request, or retry after the time in"
        " Retry-After.",
    },
}


def _status_rule(status: int, kind: FailureKind) -> ErrorRule:
    shapes = KNOWN_SHAPES if status in UNINFORMATIVE_STATUSES else frozenset()
    return ErrorRule(
        f"http-{status}", kind, status={status}, shapes=shapes, relays_issue_type=status in _RELAYED_STATUSES
    )


def _status_kind(status: int, translation: _StatusTranslation, text: str) -> FailureKind:
    gateway_status, issue, advice, wait = translation
    message_code = _MESSAGE_CODES.get(status, "")
    may_have_run = status not in _REFUSALS_BEFORE_RUNNING
    return FailureKind(
        "upstream-status", gateway_status, issue, text, "error", message_code, advice, wait, may_have_run
    )


def _status_rules() -> Iterator[ErrorRule]:
    for translation, texts in _STATUS_TRANSLATIONS.items():
        for statuses, text in texts.items():
            yield from (_status_rule(status, _status_kind(status, translation, text)) for status in statuses)


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
#: Rules that follow for upstreams other than Halo, in front of which no server of Azure answers.
REFUSAL_RULES: tuple[ErrorRule, ...] = (
    ErrorRule("http-400-any", next(rule.kind for rule in RULES if rule.id == "http-400"), status={400}),
    ErrorRule("http-other-4xx-any", OTHER_4XX, status=range(400, 500)),
)
