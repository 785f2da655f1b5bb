"""The kinds of failure that are the gateway's own: bad requests, limits, the way to the upstream.

What an upstream spells is in `gateway/dialects/`; both have the same shape and one code space.
"""

from gateway.errors.failure import Kind, Repeat

_CHANGE = Repeat.AFTER_CHANGE

BAD_REQUEST = Kind(
    "bad-request", 400, "invalid", "The request cannot be understood.", repeat=_CHANGE, sent=False
)
PATH_ENCODING = Kind(
    "bad-path",
    400,
    "invalid",
    "The path of the URL is malformed: use the upstream's own paths, without encoded slashes or dots.",
    repeat=_CHANGE,
    sent=False,
)
GUID_MALFORMED = Kind(
    "bad-guid",
    400,
    "value",
    "The site in the URL is not a Halo GUID: write 8-4-4-4-12 hexadecimal digits.",
    repeat=_CHANGE,
    sent=False,
)
BODY_UNREADABLE = Kind(
    "bad-body",
    400,
    "structure",
    "The body is not one readable JSON resource: send one FHIR resource as UTF-8 JSON.",
    message="MSG_CANT_PARSE_CONTENT",
    repeat=_CHANGE,
    sent=False,
)
WRITE_INVALID = Kind(
    "invalid-resource",
    400,
    "structure",
    "The gateway did not send this change, because its body is not valid FHIR R4: correct what each issue"
    " names, then send it again.",
    message="MSG_BAD_SYNTAX",
    repeat=_CHANGE,
    sent=False,
)
COUNT = Kind(
    "bad-count",
    400,
    "value",
    "_count is not a number of matches: write a whole number, 0 or more.",
    message="MSG_PARAM_INVALID",
    repeat=_CHANGE,
    sent=False,
)
NO_VERSION = Kind(
    "etag-no-version",
    400,
    "not-supported",
    "The condition names an ETag that the gateway made of an answer's content. The practice system gives no"
    " version to compare with, so nothing was changed: read the resource again, then send the change without"
    " If-Match and If-None-Match.",
    repeat=_CHANGE,
    sent=False,
)
DATE_SYNTAX = Kind(
    "bad-date",
    400,
    "value",
    "A date parameter is not valid.",
    message="MSG_DATE_FORMAT",
    repeat=_CHANGE,
    sent=False,
)
DATE_INEXPRESSIBLE = Kind(
    "date-not-expressible",
    400,
    "not-supported",
    "This date search cannot be carried out exactly.",
    message="MSG_PARAM_INVALID",
    repeat=_CHANGE,
    sent=False,
)
TOO_COSTLY = Kind(
    "filter-budget",
    400,
    "too-costly",
    "The search is too broad to be answered exactly: add another criterion.",
    repeat=_CHANGE,
    sent=False,
)
CREDENTIALS_MISSING = Kind(
    "credentials-missing",
    401,
    "login",
    "Credentials are missing: send Ocp-Apim-Subscription-Key, for the desktop API Authorization and"
    " DeviceId, for another upstream Authorization.",
    message="MSG_AUTH_REQUIRED",
    repeat=_CHANGE,
    sent=False,
)
UNKNOWN_PATH = Kind(
    "unknown-path",
    404,
    "not-found",
    "Nothing is served at this path: see /openapi.yaml for what is.",
    repeat=_CHANGE,
    sent=False,
)
TYPE_UNKNOWN = Kind(
    "type-unknown",
    404,
    "not-supported",
    "The path names no resource type of FHIR R4: check its spelling, with a capital.",
    message="MSG_UNKNOWN_TYPE",
    repeat=_CHANGE,
    sent=False,
)
SITE_NOT_MOUNTED = Kind(
    "site-not-mounted",
    404,
    "not-found",
    "No site is mounted here: use /integrator/sites/{siteId}/fhir/R4, or have the operator set server.site.",
    repeat=_CHANGE,
    sent=False,
)
SITE_ZONE_UNKNOWN = Kind(
    "configuration",
    503,
    "not-supported",
    "The gateway does not know this practice's time zone, without which dates cannot be read: its operator"
    " should set sites.<guid>.time_zone.",
    repeat=Repeat.AFTER_FIX,
    retry_after=300,
    sent=False,
)
REQUEST_TIMEOUT = Kind(
    "request-timeout",
    408,
    "timeout",
    "The request did not arrive whole in time: send it again, without pauses.",
    repeat=Repeat.YES,
    sent=False,
)
HEAD_TOO_LARGE = Kind(
    "headers-too-large",
    431,
    "too-long",
    "The request's headers are over the gateway's limit: send fewer or shorter ones.",
    repeat=_CHANGE,
    sent=False,
)
METHOD = Kind(
    "method-not-allowed",
    405,
    "not-supported",
    "The method is not allowed here: see the Allow header for those that are.",
    message="MSG_OP_NOT_ALLOWED",
    repeat=_CHANGE,
    sent=False,
)
NOT_ACCEPTABLE = Kind(
    "media-type",
    406,
    "not-supported",
    "Only JSON is available: ask for application/fhir+json.",
    repeat=_CHANGE,
    sent=False,
)
BODY_TOO_LARGE = Kind(
    "body-too-large",
    413,
    "too-long",
    "The request body is over the gateway's limit: send a smaller one.",
    repeat=_CHANGE,
    sent=False,
)
URI_TOO_LONG = Kind(
    "uri-too-long",
    414,
    "too-long",
    "The URL is too long: search by POST to _search.",
    repeat=_CHANGE,
    sent=False,
)
MEDIA_TYPE = Kind(
    "media-type",
    415,
    "not-supported",
    "The body's media type is not supported: send application/fhir+json, and a search form as"
    " application/x-www-form-urlencoded.",
    repeat=_CHANGE,
    sent=False,
)
PAGE_EXPIRED = Kind(
    "page-expired",
    410,
    "expired",
    "The page link has expired: search again.",
    repeat=_CHANGE,
    sent=False,
)
PAGE_UNKNOWN = Kind(
    "page-unknown",
    404,
    "not-found",
    "The page link is not one of yours: search again.",
    repeat=_CHANGE,
    sent=False,
)
UPSTREAM_LINK = Kind(
    "upstream-link",
    502,
    "processing",
    "The upstream's next page is not on the practice's own FHIR base, so it is not followed and the result is"
    " not complete: the gateway's operator should report it to Halo.",
    repeat=Repeat.AFTER_FIX,
)
NOTHING_TO_EXPLAIN = Kind(
    "nothing-to-explain",
    400,
    "required",
    "Send a Parameters resource whose parameter `search` has a valueString like Appointment?date=2026-04.",
    repeat=_CHANGE,
    sent=False,
)
FILTER_IGNORED = Kind(
    "upstream-ignored-filter",
    400,
    "not-supported",
    "The practice system ignores this date criterion and the gateway cannot check it on the matches: search"
    " without it, and without _elements and _summary, and filter on your side.",
    message="MSG_PARAM_UNKNOWN",
    repeat=Repeat.AFTER_CHANGE,
)
NOT_STORED = Kind(
    "not-cached",
    504,
    "not-found",
    "The gateway holds no answer that is fresh enough: ask again without Cache-Control: only-if-cached.",
    repeat=_CHANGE,
    sent=False,
)
GATEWAY_ERROR = Kind(
    "gateway-error",
    500,
    "exception",
    "The gateway failed: give its operator the reference in diagnostics.",
    repeat=Repeat.ONCE,
    retry_after=10,
)
UPSTREAM_CONNECT = Kind(
    "upstream-connect",
    502,
    "transient",
    "The upstream cannot be reached from the gateway: try again; if it lasts, the gateway's operator should"
    " check its network.",
    repeat=Repeat.YES,
    retry_after=5,
    sent=False,
)
UPSTREAM_CERTIFICATE = Kind(
    "upstream-certificate",
    502,
    "security",
    "The upstream's TLS certificate is not trusted, so the request was not sent: the gateway's operator has"
    " to check upstream.url and, where a private authority signs certificates, set upstream.ca_file.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
PROXY_REFUSED = Kind(
    "proxy-refused",
    502,
    "security",
    "The gateway's outbound proxy does not let the request through, so it was not sent to the upstream: the"
    " gateway's operator has to check the user and password in upstream.proxy and the proxy's rules.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
PROXY_UNAVAILABLE = Kind(
    "proxy-unavailable",
    502,
    "transient",
    "The gateway's outbound proxy cannot be reached, or cannot reach the upstream, so the request was not"
    " sent: try again; if it lasts, the gateway's operator has to check upstream.proxy and the proxy.",
    repeat=Repeat.YES,
    retry_after=5,
    sent=False,
)
UPSTREAM_RESET = Kind(
    "upstream-reset",
    502,
    "transient",
    "The connection to the upstream broke before the answer was complete: try again.",
    repeat=Repeat.YES,
    retry_after=5,
)
UPSTREAM_TIMEOUT = Kind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream did not answer in time: narrow the search, or try again later.",
    repeat=Repeat.YES,
    retry_after=30,
)
ANSWER_TOO_LARGE = Kind(
    "result-too-large",
    413,
    "too-costly",
    "The upstream's answer is larger than the gateway takes: ask for smaller pages (_count), or a narrower"
    " search.",
    repeat=_CHANGE,
)
WRITE_UNKNOWN = Kind(
    "write-outcome-unknown",
    504,
    "timeout",
    "The exchange ended before the upstream confirmed the change: it may or may not have been made."
    " Read the resource before you send it again.",
    repeat=Repeat.AFTER_CHANGE,
)
OVERLOADED = Kind(
    "overloaded",
    503,
    "throttled",
    "The gateway is busy: try again.",
    repeat=Repeat.YES,
    retry_after=5,
    sent=False,
)
