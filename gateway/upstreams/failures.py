"""Kinds of failure that more than one upstream can cause.

Texts say what happened, who should act and what to do; `docs/errors.md` is generated from them.
"""

from gateway.errors.failure import FailureKind, RetryAdvice

UNRECOGNISED_RESPONSE = FailureKind(
    "upstream-unrecognised",
    502,
    "exception",
    "The upstream sent a response that the gateway does not recognise. Tell the gateway's operator, who"
    " should report its status and content type from diagnostics.",
    retry_advice=RetryAdvice.ONCE,
)
NOT_FHIR = FailureKind(
    "upstream-not-fhir",
    502,
    "structure",
    "The upstream's response is not the complete FHIR JSON that was requested. Retry once; if it happens"
    " again, the gateway's operator should tell the upstream's support.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=5,
)
ERROR_IN_200 = FailureKind(
    "upstream-error-in-200",
    502,
    "exception",
    "The upstream sent an error with a success status; its text is in diagnostics. Retry after the time in"
    " Retry-After; if it happens again, contact the upstream's support.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
BAD_REQUEST = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "The upstream refused the request. Correct it according to the upstream's text in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PARAMETER_UNKNOWN = FailureKind(
    "upstream-parameter",
    400,
    "not-supported",
    "The upstream does not support a parameter of the request, or its form. Remove the parameter, or use a"
    " parameter that the CapabilityStatement lists.",
    message_code="MSG_PARAM_UNKNOWN",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PARAMETER_INVALID = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "The request has a form or a parameter that the upstream does not accept. Correct it according to the"
    " text in diagnostics.",
    message_code="MSG_PARAM_UNKNOWN",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
CREDENTIALS_INVALID = FailureKind(
    "upstream-credentials",
    401,
    "login",
    "The credentials are missing, expired, or not valid in this environment. Check the key or request a"
    " new token, and check the environment.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
GATEWAY_CREDENTIALS_INVALID = FailureKind(
    "upstream-credentials",
    502,
    "security",
    "The upstream does not accept the gateway's own credentials; your request is correct. The gateway's"
    " operator must correct its key or account.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
FORBIDDEN = FailureKind(
    "upstream-forbidden",
    403,
    "forbidden",
    "Your account is not permitted to do this. Ask the upstream's operator for access.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
UPSTREAM_MISCONFIGURED = FailureKind(
    "upstream-misconfigured",
    502,
    "security",
    "The gateway calls a wrong address or version of the upstream. The gateway's operator must correct the"
    " upstream's URL.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_FOUND = FailureKind(
    "resource-not-found",
    404,
    "not-found",
    "No resource with this id exists, or it is not active. Check the id, or search for the resource.",
    message_code="MSG_NO_EXIST",
)
METHOD_NOT_ALLOWED = FailureKind(
    "method-not-allowed",
    405,
    "not-supported",
    "The upstream does not allow this method at this URL. Use a method that its documentation or the Allow"
    " header lists.",
    message_code="MSG_OP_NOT_ALLOWED",
    may_have_run=False,
)
RATE_LIMITED = FailureKind(
    "rate-limited",
    429,
    "throttled",
    "The upstream received too many requests in a short time. Retry after the time in Retry-After, and send"
    " fewer requests at once.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
SERVER_ERROR = FailureKind(
    "upstream-500",
    502,
    "exception",
    "The upstream had an internal error. Retry after the time in Retry-After; if it happens again, contact"
    " its support with the ids in diagnostics.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
BAD_GATEWAY = FailureKind(
    "upstream-502",
    502,
    "transient",
    "A server between the gateway and the upstream received no valid response from it. Retry after the time"
    " in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
UNAVAILABLE = FailureKind(
    "upstream-503",
    503,
    "transient",
    "The upstream is temporarily unavailable. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)
TIMEOUT = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not respond in time. Narrow the request, or retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)
