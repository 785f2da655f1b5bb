"""HaloITSM's REST API (another company's product): its guide's statuses, bodies of many shapes.

The gateway has no credentials of its own for it: a client without a token is fetching one.
"""

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule

VALUE_INVALID = FailureKind(
    "upstream-value",
    422,
    "value",
    "A value in the content has the wrong format. Correct it by the words in diagnostics.",
    message_code="MSG_PARAM_INVALID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
DUPLICATE_VALUE = FailureKind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A value that has to be unique is taken already. Choose another one.",
    message_code="MSG_DUPLICATE_ID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
TOO_SLOW = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream took too long, as large reports do. Ask for less data at once.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)

_OAUTH_ERRORS = r"invalid_(client|token|grant)|unauthorized_client"

RULES = (
    ErrorRule(
        "itsm-oauth",
        failures.CREDENTIALS_INVALID,
        status={400, 401},
        shapes={"oauth"},
        message_pattern=_OAUTH_ERRORS,
    ),
    ErrorRule("itsm-401", failures.CREDENTIALS_INVALID, status={401}),
    ErrorRule("itsm-403", failures.FORBIDDEN, status={403}),
    ErrorRule(
        "itsm-404",
        failures.NOT_FOUND,
        status={404},
        shapes={"empty", "exception", "message", "result", "text"},
    ),
    ErrorRule("itsm-405", failures.METHOD_NOT_ALLOWED, status={405}),
    ErrorRule(
        "itsm-409-unique",
        DUPLICATE_VALUE,
        status={409},
        message_pattern=r"unique|already (exists|in use)|duplicate",
    ),
    ErrorRule("itsm-409", failures.CONFLICT, status={409}),
    ErrorRule("itsm-422", VALUE_INVALID, status={422}),
    ErrorRule("itsm-429", failures.RATE_LIMITED, message_pattern=r"rate limit reached"),
    ErrorRule("itsm-504", TOO_SLOW, status={504}),
)

HALO_ITSM = Dialect(
    "halo-itsm",
    RULES,
    is_fhir=False,
    credentials=CredentialScheme(challenge='Bearer realm="halo-itsm"'),
)
