"""The kinds of failure that are the gateway's own: bad requests, limits, the way to the upstream.

What an upstream spells is in `gateway/dialects/`; both have the same shape and one code space.
"""

from gateway.errors.failure import FailureKind, RetryAdvice

_AFTER_CHANGE = RetryAdvice.AFTER_CHANGE

BAD_REQUEST = FailureKind(
    "bad-request",
    400,
    "invalid",
    "The request cannot be understood.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
PATH_MALFORMED = FailureKind(
    "bad-path",
    400,
    "invalid",
    "The path of the URL is malformed: use the upstream's own paths, without encoded slashes or dots.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
GUID_MALFORMED = FailureKind(
    "bad-guid",
    400,
    "value",
    "The site in the URL is not a Halo GUID: write 8-4-4-4-12 hexadecimal digits.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
BODY_UNREADABLE = FailureKind(
    "bad-body",
    400,
    "structure",
    "The body is not one readable JSON resource: send one FHIR resource as UTF-8 JSON.",
    message_code="MSG_CANT_PARSE_CONTENT",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
WRITE_INVALID = FailureKind(
    "invalid-resource",
    400,
    "structure",
    "The gateway did not send this change, because its body is not valid FHIR R4: correct what each issue"
    " names, then send it again.",
    message_code="MSG_BAD_SYNTAX",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
COUNT_INVALID = FailureKind(
    "bad-count",
    400,
    "value",
    "_count is not a number of matches: write a whole number, 0 or more.",
    message_code="MSG_PARAM_INVALID",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
ETAG_WITHOUT_VERSION = FailureKind(
    "etag-no-version",
    400,
    "not-supported",
    "The condition names an ETag that the gateway made of an answer's content. The practice system gives no"
    " version to compare with, so nothing was changed: read the resource again, then send the change without"
    " If-Match and If-None-Match.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
DATE_SYNTAX = FailureKind(
    "bad-date",
    400,
    "value",
    "A date parameter is not valid.",
    message_code="MSG_DATE_FORMAT",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
DATE_INEXPRESSIBLE = FailureKind(
    "date-not-expressible",
    400,
    "not-supported",
    "This date search cannot be carried out exactly.",
    message_code="MSG_PARAM_INVALID",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
SEARCH_TOO_BROAD = FailureKind(
    "filter-budget",
    400,
    "too-costly",
    "The search is too broad to be answered exactly: add another criterion.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
CREDENTIALS_MISSING = FailureKind(
    "credentials-missing",
    401,
    "login",
    "Credentials are missing: send Ocp-Apim-Subscription-Key, for the desktop API Authorization and"
    " DeviceId, for another upstream Authorization.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
UNKNOWN_PATH = FailureKind(
    "unknown-path",
    404,
    "not-found",
    "Nothing is served at this path: see /openapi.yaml for what is.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
TYPE_UNKNOWN = FailureKind(
    "type-unknown",
    404,
    "not-supported",
    "The path names no resource type of FHIR R4: check its spelling, with a capital.",
    message_code="MSG_UNKNOWN_TYPE",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
SITE_NOT_MOUNTED = FailureKind(
    "site-not-mounted",
    404,
    "not-found",
    "No site is mounted here: use /integrator/sites/{siteId}/fhir/R4, or have the operator set server.site.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
SITE_ZONE_UNKNOWN = FailureKind(
    "configuration",
    503,
    "not-supported",
    "The gateway does not know this practice's time zone, without which dates cannot be read: its operator"
    " should set sites.<guid>.time_zone.",
    retry_advice=RetryAdvice.AFTER_FIX,
    retry_after=300,
    may_have_run=False,
)
REQUEST_TIMEOUT = FailureKind(
    "request-timeout",
    408,
    "timeout",
    "The request did not arrive whole in time: send it again, without pauses.",
    retry_advice=RetryAdvice.YES,
    may_have_run=False,
)
HEADERS_TOO_LARGE = FailureKind(
    "headers-too-large",
    431,
    "too-long",
    "The request's headers are over the gateway's limit: send fewer or shorter ones.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
METHOD_NOT_ALLOWED = FailureKind(
    "method-not-allowed",
    405,
    "not-supported",
    "The method is not allowed here: see the Allow header for those that are.",
    message_code="MSG_OP_NOT_ALLOWED",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
NOT_ACCEPTABLE = FailureKind(
    "media-type",
    406,
    "not-supported",
    "Only JSON is available: ask for application/fhir+json.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
BODY_TOO_LARGE = FailureKind(
    "body-too-large",
    413,
    "too-long",
    "The request body is over the gateway's limit: send a smaller one.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
URI_TOO_LONG = FailureKind(
    "uri-too-long",
    414,
    "too-long",
    "The URL is too long: search by POST to _search.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
MEDIA_TYPE_UNSUPPORTED = FailureKind(
    "media-type",
    415,
    "not-supported",
    "The body's media type is not supported: send application/fhir+json, and a search form as"
    " application/x-www-form-urlencoded.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
PAGE_EXPIRED = FailureKind(
    "page-expired",
    410,
    "expired",
    "The page link has expired: search again.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
PAGE_UNKNOWN = FailureKind(
    "page-unknown",
    404,
    "not-found",
    "The page link is not one of yours: search again.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
UPSTREAM_LINK = FailureKind(
    "upstream-link",
    502,
    "processing",
    "The upstream's next page is not on the practice's own FHIR base, so it is not followed and the result is"
    " not complete: the gateway's operator should report it to Halo.",
    retry_advice=RetryAdvice.AFTER_FIX,
)
NOTHING_TO_EXPLAIN = FailureKind(
    "nothing-to-explain",
    400,
    "required",
    "Send a Parameters resource whose parameter `search` has a valueString like Appointment?date=2026-04.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
FILTER_IGNORED = FailureKind(
    "upstream-ignored-filter",
    400,
    "not-supported",
    "The practice system ignores this date criterion and the gateway cannot check it on the matches: search"
    " without it, and without _elements and _summary, and filter on your side.",
    message_code="MSG_PARAM_UNKNOWN",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
NOT_CACHED = FailureKind(
    "not-cached",
    504,
    "not-found",
    "The gateway holds no answer that is fresh enough: ask again without Cache-Control: only-if-cached.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
GATEWAY_ERROR = FailureKind(
    "gateway-error",
    500,
    "exception",
    "The gateway failed: give its operator the reference in diagnostics.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=10,
)
UPSTREAM_CONNECT = FailureKind(
    "upstream-connect",
    502,
    "transient",
    "The upstream cannot be reached from the gateway: try again; if it lasts, the gateway's operator should"
    " check its network.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
UPSTREAM_CERTIFICATE = FailureKind(
    "upstream-certificate",
    502,
    "security",
    "The upstream's TLS certificate is not trusted, so the request was not sent: the gateway's operator has"
    " to check upstream.url and, where a private authority signs certificates, set upstream.ca_file.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
PROXY_REFUSED = FailureKind(
    "proxy-refused",
    502,
    "security",
    "The gateway's outbound proxy does not let the request through, so it was not sent to the upstream: the"
    " gateway's operator has to check the user and password in upstream.proxy and the proxy's rules.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
PROXY_UNAVAILABLE = FailureKind(
    "proxy-unavailable",
    502,
    "transient",
    "The gateway's outbound proxy cannot be reached, or cannot reach the upstream, so the request was not"
    " sent: try again; if it lasts, the gateway's operator has to check upstream.proxy and the proxy.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
UPSTREAM_RESET = FailureKind(
    "upstream-reset",
    502,
    "transient",
    "The connection to the upstream broke before the answer was complete: try again.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
UPSTREAM_TIMEOUT = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not answer in time: narrow the search, or try again later.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
)
RESPONSE_TOO_LARGE = FailureKind(
    "result-too-large",
    413,
    "too-costly",
    "The upstream's answer is larger than the gateway takes: ask for smaller pages (_count), or a narrower"
    " search.",
    retry_advice=_AFTER_CHANGE,
)
WRITE_OUTCOME_UNKNOWN = FailureKind(
    "write-outcome-unknown",
    504,
    "timeout",
    "The exchange ended before the upstream confirmed the change: it may or may not have been made."
    " Read the resource before you send it again.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
GATEWAY_OVERLOADED = FailureKind(
    "overloaded",
    503,
    "throttled",
    "The gateway is busy: try again.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
