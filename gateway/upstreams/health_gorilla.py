"""Health Gorilla's FHIR API: OperationOutcomes with the text in `diagnostics`, and its table of messages.

Its token endpoint has the errors of OAuth 2. A message may come as an OperationOutcome or as plain text.
"""

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.limits import UpstreamLimits

ASYNC_ONLY = FailureKind(
    "async-only",
    400,
    "business-rule",
    "Health Gorilla runs this operation only asynchronously. Send it with Prefer: respond-async and poll the"
    " status URL of the response.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
SUBJECT_UNKNOWN = FailureKind(
    "upstream-credentials",
    401,
    "unknown",
    "The subject (sub) of your token is no valid user, or your OAuth client is not bound to the tenant of"
    " this user. Correct the sub of the JWT, or ask Health Gorilla to bind the client to the tenant.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
TOKEN_REFUSED = FailureKind(
    "upstream-credentials",
    401,
    "login",
    "Health Gorilla issued no token: the client, its secret or assertion, the scope or the grant is not"
    " valid. Correct the token request; the audience (aud) of a JWT must be Health Gorilla's own URL.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
VERSION_FORBIDDEN = FailureKind(
    "upstream-misconfigured",
    502,
    "security",
    "The OAuth client may not use the FHIR version of this URL, or lacks access rights. The gateway's"
    " operator must check the upstream's URL (R4: /fhir/R4, STU3: /fhir), or ask Health Gorilla to bind the"
    " client to this version.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_LICENSED = FailureKind(
    "upstream-not-licensed",
    403,
    "forbidden",
    "Your tenant has no license for this method. Ask Health Gorilla for a license.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
URL_MALFORMED = FailureKind(
    "upstream-bad-request",
    400,
    "invalid",
    "Health Gorilla gave no reason: the URL is incomplete or has an extra character, such as two slashes."
    " Correct the URL.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
DUPLICATE_RECORD = FailureKind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A record like this, or with this ID2 (the MRN, which is unique in a tenant), exists already. Search for"
    " that record and update it.",
    message_code="MSG_DUPLICATE_ID",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
RULE_VIOLATION = FailureKind(
    "upstream-rule",
    422,
    "business-rule",
    "The content breaks a rule of Health Gorilla. Correct it according to the text in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
ATTACHMENT_EMPTY = FailureKind(
    "upstream-rule",
    422,
    "required",
    "The DocumentReference has no attachment, or an empty one. Add the attachment's content.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PERFORMER_UNKNOWN = FailureKind(
    "upstream-rule",
    422,
    "not-found",
    "The performer of the RequestGroup is missing, or Health Gorilla does not know this lab vendor. Name a"
    " lab vendor that it offers.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
AUTHORISING_LOCATION_UNKNOWN = FailureKind(
    "upstream-rule",
    422,
    "business-rule",
    "The AuthorizedBy of the RequestGroup is no location of the tenant, or does not belong to the author."
    " Correct AuthorizedBy or the author.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
LINK_EXPIRED = FailureKind(
    "link-expired",
    410,
    "not-found",
    "The temporary link has expired. Request a new link: read the resource or the result again that contained"
    " this one.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
MEDIA_TYPE_UNSUPPORTED = FailureKind(
    "upstream-media-type",
    415,
    "not-supported",
    "Health Gorilla does not accept this media type. Send application/fhir+json, or a document type that it"
    " lists.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
TOO_MANY_PER_SECOND = FailureKind(
    "rate-limited",
    429,
    "throttled",
    "The tenant sent too many requests per second to this endpoint. Retry after the time in Retry-After, and"
    " send fewer requests at once.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
TOO_MANY_P360 = FailureKind(
    "rate-limited",
    429,
    "throttled",
    "The tenant has as many concurrent p360 processes as Health Gorilla permits. Poll those that run until"
    " one ends, then send the request again.",
    retry_advice=RetryAdvice.YES,
    retry_after=60,
    may_have_run=False,
    limits_rate=False,
)
TOO_SLOW = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "A synchronous call ends after 60 seconds at Health Gorilla, and this one took longer. Send it with"
    " Prefer: respond-async and poll the status URL of the response.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)

#: A value, such as an id, that the vendor may write inside its sentence.
_VALUE = r"[^;]{0,80}?"

RULES = (
    ErrorRule("hg-400-empty", URL_MALFORMED, status={400}, shapes={"empty"}),
    ErrorRule(
        "hg-400-async",
        ASYNC_ONLY,
        status={400},
        message_pattern=r"asynchronous mode only",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-400-subject",
        SUBJECT_UNKNOWN,
        status={400},
        message_pattern=r"subject validation failed|^subject\s\S{1,80}\svalidation failed",
        reads_all_text=True,
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule("hg-oauth", TOKEN_REFUSED, status={400, 401}, shapes={"oauth"}),
    ErrorRule(
        "hg-400-invalid",
        failures.PARAMETER_INVALID,
        status={400},
        message_pattern=r"invalid request",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-401",
        failures.CREDENTIALS_INVALID,
        status={401},
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule(
        "hg-403-version",
        VERSION_FORBIDDEN,
        status={403},
        message_pattern=r"insufficient access rights",
    ),
    ErrorRule(
        "hg-403-license",
        NOT_LICENSED,
        status={403},
        message_pattern=r"no licen[cs]e",
        reads_all_text=True,
    ),
    ErrorRule("hg-403-other", failures.FORBIDDEN, status={403}),
    ErrorRule(
        "hg-404-www", failures.UPSTREAM_MISCONFIGURED, status={404}, message_pattern=r"rejected_www-request"
    ),
    ErrorRule("hg-404", failures.NOT_FOUND, status={404}, shapes={"outcome", "text", "message", "empty"}),
    ErrorRule("hg-405", failures.METHOD_NOT_ALLOWED, status={405}),
    ErrorRule("hg-415", MEDIA_TYPE_UNSUPPORTED, status={415}),
    ErrorRule(
        "hg-422-id2",
        DUPLICATE_RECORD,
        status={422},
        message_pattern=rf"\bID2\b{_VALUE}\balready exists",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-422-empty-att",
        ATTACHMENT_EMPTY,
        status={422},
        message_pattern=r"empty content attachment",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-422-dup",
        DUPLICATE_RECORD,
        status={409, 422},
        message_pattern=rf"duplicates? the existing|create duplicate|identifier\b{_VALUE}\balready exists",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-422-performer",
        PERFORMER_UNKNOWN,
        status={422},
        message_pattern=rf"performer\b{_VALUE}\bis unknown",
        reads_all_text=True,
    ),
    ErrorRule(
        "hg-422-authorizedby",
        AUTHORISING_LOCATION_UNKNOWN,
        status={422},
        message_pattern=rf"AuthorizedBy\b{_VALUE}\bis unknown",
        reads_all_text=True,
    ),
    ErrorRule("hg-422-generic", RULE_VIOLATION, status={422}, relays_issue_type=True),
    ErrorRule("hg-429-p360", TOO_MANY_P360, status={429}, message_pattern=r"\bp360\b|\bconcurrent\b"),
    ErrorRule("hg-429-rps", TOO_MANY_PER_SECOND, status={429}, message_pattern=r"per second|\brps\b"),
    ErrorRule("hg-454", LINK_EXPIRED, status={454}),
    ErrorRule("hg-504", TOO_SLOW, status={504}),
)

#: Words of its API that are no names; R4's own and those of errors need no mention.
VOCABULARY = frozenset(
    {
        *("tenant", "tenants", "subtenant", "license", "licenses", "scope", "scopes", "rps", "p360"),
        *("authorizedby", "id2", "mrn", "npi", "requestgroup", "performer", "lab", "labs", "laboratory"),
        *("vendor", "vendors", "compendium", "aoe", "throttle", "throttled", "throttling", "concurrent"),
        *("rollup", "enrollment", "retrieval", "deduplication", "attachment", "sub", "jwt"),
    }
)

HEALTH_GORILLA = Dialect(
    "health-gorilla",
    RULES,
    max_page_size=100,
    product="Health Gorilla",
    vocabulary=VOCABULARY,
    names_parameters=True,
    id_headers=("x-correlation-id",),
    limits=UpstreamLimits(
        read_timeout=65.0, total_timeout=70.0, max_request_body=16_000_000, rate_scope="endpoint"
    ),
    idempotency_header="hg-idempotency-key",
)
