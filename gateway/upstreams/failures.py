"""Kinds of failure behind the gateway that more than one upstream can have.

Texts say what happened, who should act and what to do; `docs/errors.md` is generated from them.
"""

from gateway.errors.failure import FailureKind, RetryAdvice

UNRECOGNISED_RESPONSE = FailureKind(
    "upstream-unrecognised",
    502,
    "exception",
    "The upstream gave an answer that the gateway does not know. The operator should look at its status and"
    " content type in diagnostics and report them.",
    retry_advice=RetryAdvice.ONCE,
)
NOT_FHIR = FailureKind(
    "upstream-not-fhir",
    502,
    "structure",
    "The upstream's answer is not the complete FHIR JSON that was asked for. Try once more; if it stays"
    " so, the operator should tell the upstream's support.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=5,
)
ERROR_IN_200 = FailureKind(
    "upstream-error-in-200",
    502,
    "exception",
    "The upstream reported success but sent an error. Its own words are in diagnostics; try again, and if it"
    " stays so contact its support.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
BAD_REQUEST = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "The upstream refused the request. Correct it by the upstream's words in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PARAMETER_UNKNOWN = FailureKind(
    "upstream-parameter",
    400,
    "not-supported",
    "The upstream does not support a search parameter or its form. Leave it out, or use one that the"
    " CapabilityStatement lists.",
    message_code="MSG_PARAM_UNKNOWN",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PARAMETER_INVALID = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "The request is not written as the upstream wants it, or has a parameter it does not know. Correct"
    " it by the words in diagnostics.",
    message_code="MSG_PARAM_UNKNOWN",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
CREDENTIALS_INVALID = FailureKind(
    "upstream-credentials",
    401,
    "login",
    "The credentials are missing, expired, or not valid in this environment. Check the key or fetch a"
    " new token, and check the environment.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
GATEWAY_CREDENTIALS_INVALID = FailureKind(
    "upstream-credentials",
    502,
    "security",
    "The upstream does not accept the gateway's own credentials. Nothing is wrong with your request; the"
    " gateway's operator has to correct its key or account.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
FORBIDDEN = FailureKind(
    "upstream-forbidden",
    403,
    "forbidden",
    "The upstream refuses this to your account. Ask its operator for the right, or leave it.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
UPSTREAM_MISCONFIGURED = FailureKind(
    "upstream-misconfigured",
    502,
    "security",
    "The gateway calls the wrong address or version of the upstream. Its operator has to correct the"
    " upstream's URL.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_FOUND = FailureKind(
    "resource-not-found",
    404,
    "not-found",
    "Nothing with this id is there, or it is not active. Check the id, or search for it.",
    message_code="MSG_NO_EXIST",
)
METHOD_NOT_ALLOWED = FailureKind(
    "method-not-allowed",
    405,
    "not-supported",
    "The upstream does not allow this method here. Use one that its documentation or the Allow header names.",
    message_code="MSG_OP_NOT_ALLOWED",
    may_have_run=False,
)
CONFLICT = FailureKind(
    "edit-conflict",
    409,
    "conflict",
    "The change contradicts what is stored now. Read the current state, then decide again.",
    message_code="MSG_VERSION_AWARE_CONFLICT",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
RATE_LIMITED = FailureKind(
    "rate-limited",
    429,
    "throttled",
    "Too many requests in a short time. Wait for Retry-After, then send fewer at once.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
SERVER_ERROR = FailureKind(
    "upstream-500",
    502,
    "exception",
    "The upstream failed inside. Try again later; if it stays so, contact its support with the ids in"
    " diagnostics.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
BAD_GATEWAY = FailureKind(
    "upstream-502",
    502,
    "transient",
    "A server on the way to the upstream got no good answer from it. Try again shortly.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
UNAVAILABLE = FailureKind(
    "upstream-503",
    503,
    "transient",
    "The upstream is out of service for a while. Try again after Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)
TIMEOUT = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not answer in time. Narrow the request, or try again later.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)
