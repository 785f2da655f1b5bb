"""Kinds of failure behind the gateway that more than one upstream can have.

Texts say what happened, who should act and what to do; `docs/errors.md` is generated from them.
"""

from gateway.errors.failure import Kind, Repeat

UNRECOGNISED = Kind(
    "upstream-unrecognised",
    502,
    "exception",
    "The upstream gave an answer that the gateway does not know. The operator should look at its status and"
    " content type in diagnostics and report them.",
    repeat=Repeat.ONCE,
)
NOT_FHIR = Kind(
    "upstream-not-fhir",
    502,
    "structure",
    "The upstream's answer is not the complete FHIR JSON that was asked for. Try once more; if it stays"
    " so, the operator should tell the upstream's support.",
    repeat=Repeat.ONCE,
    retry_after=5,
)
ERROR_IN_200 = Kind(
    "upstream-error-in-200",
    502,
    "exception",
    "The upstream reported success but sent an error. Its own words are in diagnostics; try again, and if it"
    " stays so contact its support.",
    repeat=Repeat.YES,
    retry_after=10,
)
BAD_REQUEST = Kind(
    "upstream-bad-request",
    400,
    "invalid",
    "The upstream refused the request. Correct it by the upstream's words in diagnostics.",
    repeat=Repeat.AFTER_CHANGE,
)
PARAMETER_UNKNOWN = Kind(
    "upstream-parameter",
    400,
    "not-supported",
    "The upstream does not support a search parameter or its form. Leave it out, or use one that the"
    " CapabilityStatement lists.",
    message="MSG_PARAM_UNKNOWN",
    repeat=Repeat.AFTER_CHANGE,
)
PARAMETER_INVALID = Kind(
    "upstream-bad-request",
    400,
    "invalid",
    "The request is not written as the upstream wants it, or has a parameter it does not know. Correct"
    " it by the words in diagnostics.",
    message="MSG_PARAM_UNKNOWN",
    repeat=Repeat.AFTER_CHANGE,
)
CREDENTIALS = Kind(
    "upstream-credentials",
    401,
    "login",
    "The credentials are missing, expired, or not valid in this environment. Check the key or fetch a"
    " new token, and check the environment.",
    message="MSG_AUTH_REQUIRED",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
OWN_CREDENTIALS = Kind(
    "upstream-credentials",
    502,
    "security",
    "The upstream does not accept the gateway's own credentials. Nothing is wrong with your request; the"
    " gateway's operator has to correct its key or account.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
FORBIDDEN = Kind(
    "upstream-forbidden",
    403,
    "forbidden",
    "The upstream refuses this to your account. Ask its operator for the right, or leave it.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
MISCONFIGURED = Kind(
    "upstream-misconfigured",
    502,
    "security",
    "The gateway calls the wrong address or version of the upstream. Its operator has to correct the"
    " upstream's URL.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
NOT_FOUND = Kind(
    "resource-not-found",
    404,
    "not-found",
    "Nothing with this id is there, or it is not active. Check the id, or search for it.",
    message="MSG_NO_EXIST",
)
METHOD = Kind(
    "method-not-allowed",
    405,
    "not-supported",
    "The upstream does not allow this method here. Use one that its documentation or the Allow header names.",
    message="MSG_OP_NOT_ALLOWED",
    sent=False,
)
CONFLICT = Kind(
    "edit-conflict",
    409,
    "conflict",
    "The change contradicts what is stored now. Read the current state, then decide again.",
    message="MSG_VERSION_AWARE_CONFLICT",
    repeat=Repeat.AFTER_CHANGE,
)
RATE_LIMITED = Kind(
    "rate-limited",
    429,
    "throttled",
    "Too many requests in a short time. Wait for Retry-After, then send fewer at once.",
    repeat=Repeat.YES,
    retry_after=5,
    sent=False,
)
FAILED = Kind(
    "upstream-500",
    502,
    "exception",
    "The upstream failed inside. Try again later; if it stays so, contact its support with the ids in"
    " diagnostics.",
    repeat=Repeat.YES,
    retry_after=10,
)
BAD_GATEWAY = Kind(
    "upstream-502",
    502,
    "transient",
    "A server on the way to the upstream got no good answer from it. Try again shortly.",
    repeat=Repeat.YES,
    retry_after=5,
)
UNAVAILABLE = Kind(
    "upstream-503",
    503,
    "transient",
    "The upstream is out of service for a while. Try again after Retry-After.",
    repeat=Repeat.YES,
    retry_after=30,
)
TIMEOUT = Kind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not answer in time. Narrow the request, or try again later.",
    repeat=Repeat.YES,
    retry_after=30,
)
