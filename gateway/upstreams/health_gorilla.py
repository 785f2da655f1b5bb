"""Health Gorilla's FHIR API: OperationOutcomes with the text in `diagnostics`, and its table of messages."""

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.limits import UpstreamLimits

ASYNC_ONLY = FailureKind(
    "async-only",
    400,
    "business-rule",
    "The upstream runs this operation only asynchronously. Send Prefer: respond-async and poll the"
    " status URL.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
SUBJECT_UNKNOWN = FailureKind(
    "upstream-credentials",
    401,
    "unknown",
    "The subject of your token is not a user of this tenant. Correct the token's subject, or ask the"
    " upstream to bind your client to the tenant.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_LICENSED = FailureKind(
    "upstream-not-licensed",
    403,
    "forbidden",
    "Your tenant has no licence for this function. Ask the upstream for a licence.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
URL_MALFORMED = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "The URL is incomplete or has an extra character, such as two slashes. Correct the URL.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
DUPLICATE_RECORD = FailureKind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A record like this, or with this identifier, exists already. Search for that record and update it.",
    message_code="MSG_DUPLICATE_ID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
RULE_VIOLATION = FailureKind(
    "upstream-rule",
    422,
    "business-rule",
    "The content breaks a rule of the upstream. Correct it according to the text in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
ATTACHMENT_EMPTY = FailureKind(
    "upstream-rule",
    422,
    "required",
    "The document's attachment is missing or empty. Add the attachment's content.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PERFORMER_UNKNOWN = FailureKind(
    "upstream-rule",
    422,
    "not-found",
    "The performer of the order is missing, or the upstream does not know it. Use a laboratory that the"
    " upstream offers.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
AUTHORISING_LOCATION_UNKNOWN = FailureKind(
    "upstream-rule",
    422,
    "business-rule",
    "The authorising location is unknown, or does not belong to the order's author. Correct the location or"
    " the author.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
LINK_EXPIRED = FailureKind(
    "link-expired",
    410,
    "not-found",
    "The temporary link has expired. Request a new link.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
MEDIA_TYPE_UNSUPPORTED = FailureKind(
    "upstream-media-type",
    415,
    "not-supported",
    "The upstream does not accept this media type. Send application/fhir+json, or a document type that it"
    " lists.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)

RULES = (
    ErrorRule("hg-400-empty", URL_MALFORMED, status={400}, shapes={"empty"}),
    ErrorRule("hg-400-async", ASYNC_ONLY, status={400}, message_pattern=r"asynchronous mode only"),
    ErrorRule(
        "hg-400-subject",
        SUBJECT_UNKNOWN,
        status={400},
        message_pattern=r"subject validation failed",
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule("hg-400-invalid", failures.PARAMETER_INVALID, status={400}, message_pattern=r"invalid request"),
    ErrorRule(
        "hg-401",
        failures.CREDENTIALS_INVALID,
        status={401},
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule(
        "hg-403-version",
        failures.UPSTREAM_MISCONFIGURED,
        status={403},
        message_pattern=r"insufficient access rights",
    ),
    ErrorRule("hg-403-license", NOT_LICENSED, status={403}, message_pattern=r"no licen[cs]e"),
    ErrorRule("hg-403-other", failures.FORBIDDEN, status={403}),
    ErrorRule(
        "hg-404-www", failures.UPSTREAM_MISCONFIGURED, status={404}, message_pattern=r"rejected_www-request"
    ),
    ErrorRule("hg-404", failures.NOT_FOUND, status={404}, shapes={"outcome", "text", "message", "empty"}),
    ErrorRule("hg-405", failures.METHOD_NOT_ALLOWED, status={405}),
    ErrorRule("hg-415", MEDIA_TYPE_UNSUPPORTED, status={415}),
    ErrorRule("hg-422-id2", DUPLICATE_RECORD, status={422}, message_pattern=r"ID2 already exists"),
    ErrorRule(
        "hg-422-empty-att", ATTACHMENT_EMPTY, status={422}, message_pattern=r"empty content attachment"
    ),
    ErrorRule(
        "hg-422-dup",
        DUPLICATE_RECORD,
        status={409, 422},
        message_pattern=r"duplicates? the existing|create duplicate",
    ),
    ErrorRule("hg-422-performer", PERFORMER_UNKNOWN, status={422}, message_pattern=r"performer is unknown"),
    ErrorRule(
        "hg-422-authorizedby",
        AUTHORISING_LOCATION_UNKNOWN,
        status={422},
        message_pattern=r"AuthorizedBy is unknown",
    ),
    ErrorRule("hg-422-generic", RULE_VIOLATION, status={422}, relays_issue_type=True),
    ErrorRule("hg-454", LINK_EXPIRED, status={454}),
)

HEALTH_GORILLA = Dialect(
    "health-gorilla",
    RULES,
    max_page_size=100,
    product="Health Gorilla",
    limits=UpstreamLimits(
        read_timeout=65.0, total_timeout=70.0, max_request_body=16_000_000, rate_scope="endpoint"
    ),
)
