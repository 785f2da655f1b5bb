"""HaloITSM's REST API (a product of another company): the statuses of its guide, bodies of many shapes.

The gateway has no own credentials for it: a request without a token is a request for a token.
"""

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.limits import RateWindow, UpstreamLimits

VALUE_INVALID = FailureKind(
    "upstream-value",
    422,
    "value",
    "A value in the content has a wrong format. Correct it according to the text in diagnostics.",
    message_code="MSG_PARAM_INVALID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
DUPLICATE_VALUE = FailureKind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A value that must be unique exists already. Choose another value.",
    message_code="MSG_DUPLICATE_ID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
TOO_SLOW = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not finish in time, often because a report is large. Request less data at once.",
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
    product="HaloITSM",
    credentials=CredentialScheme(challenge='Bearer realm="halo-itsm"'),
    limits=UpstreamLimits(
        read_timeout=125.0,
        total_timeout=130.0,
        max_request_body=20_000_000,
        rate_windows=(RateWindow(300, 300.0), RateWindow(500, 180.0)),
    ),
)
