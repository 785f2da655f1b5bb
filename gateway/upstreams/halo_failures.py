"""Kinds of failure of Halo Cloud, Halo Link and the practice behind them.

Sources: Halo's troubleshooting guide (newer and older edition), its OpenAPI file, Azure API Management.
"""

from dataclasses import replace

from gateway.errors.failure import FailureKind, RetryAdvice

CONNECTION_LOST = FailureKind(
    "practice-connection-lost",
    503,
    "transient",
    "The connection to the practice broke during the query. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
DATABASE_DOWN = FailureKind(
    "practice-database-down",
    503,
    "no-store",
    "The practice's database does not respond to Halo Link. Retry after the time in Retry-After; if it"
    " happens again, the practice should check its server.",
    retry_advice=RetryAdvice.YES,
    retry_after=60,
    may_have_run=False,
)
DATABASE_BUSY = FailureKind(
    "practice-database-busy",
    503,
    "lock-error",
    "The practice's database was busy with another change and dropped the query. Retry after the time in"
    " Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
QUERY_FAILED = FailureKind(
    "practice-query-failed",
    502,
    "exception",
    "The practice's database could not run the query of this request. The same request will fail again;"
    " report it to Halo support with the ids in diagnostics.",
    refuses_change=True,
)
VALUE_UNREADABLE = FailureKind(
    "practice-value-conversion",
    500,
    "exception",
    "The practice system could not convert a value in the query, often a date. Check the values that you"
    " sent; if they are correct, tell the gateway's operator.",
    refuses_change=True,
)
RESULT_LOST = FailureKind(
    "practice-result-lost",
    503,
    "transient",
    "The practice ran the query but could not return its result. Retry once; if it happens often, contact"
    " Halo support.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=5,
)
QUERY_ORPHANED = FailureKind(
    "practice-query-orphaned",
    503,
    "transient",
    "The practice lost the query before it was complete. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
UPLOAD_FAILED = FailureKind(
    "practice-upload-failed",
    503,
    "transient",
    "The practice could not upload the query's result. Retry once.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=10,
)
QUERY_INCOMPLETE = FailureKind(
    "gateway-bad-query",
    500,
    "exception",
    "The practice received an incomplete query. Tell the gateway's operator, with the ids in diagnostics.",
    may_have_run=False,
)
RESULT_TOO_LARGE = FailureKind(
    "result-too-large",
    413,
    "too-costly",
    "The query ran, but its result is larger than Halo can return. Request smaller pages (_count), a narrower"
    " search, or fewer includes.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
BAD_RESULT = FailureKind(
    "practice-bad-result",
    502,
    "transient",
    "The practice software sent Halo an unexpected response. Retry after the time in Retry-After; if it"
    " happens again, contact Halo support.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
UNREACHABLE = FailureKind(
    "practice-unreachable",
    503,
    "no-store",
    "Halo Cloud cannot reach the practice at the moment. Retry after the time in Retry-After; if it happens"
    " again, the practice should check its server and network.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
    may_have_run=False,
)
UNREACHABLE_FOR_LONG = replace(UNREACHABLE, retry_after=60)
OFFLINE = FailureKind(
    "practice-offline",
    503,
    "no-store",
    "The practice's server is switched off or closed its connection to Halo. Retry after the time in"
    " Retry-After, or contact the practice.",
    retry_advice=RetryAdvice.YES,
    retry_after=300,
    may_have_run=False,
)
QUERY_TIMEOUT = FailureKind(
    "practice-query-timeout",
    504,
    "timeout",
    "The practice took more than 30 seconds for the query. Narrow the search: a shorter date range, smaller"
    " pages, or fewer includes.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
REQUEST_INCOMPLETE = FailureKind(
    "gateway-bad-query",
    400,
    "required",
    "The request lacks a part that Halo requires. Add the part that diagnostics names.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
NOT_AUTHORISED = FailureKind(
    "practice-not-authorised",
    403,
    "forbidden",
    "The practice has not enabled your integration in its practice software; your key is valid. Ask the"
    " practice to enable it, and send no requests until then.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
REQUEST_REFUSED = FailureKind(
    "practice-refused",
    400,
    "processing",
    "The practice's FHIR service could not process the request. Correct it according to the text in"
    " diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
SITE_UNKNOWN = FailureKind(
    "site-unknown",
    404,
    "not-found",
    "This Halo GUID is inactive or unknown in this environment. Check the GUID and the environment, then"
    " contact Halo support.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
IP_BLOCKED = FailureKind(
    "upstream-ip-blocked",
    403,
    "forbidden",
    "Halo does not accept requests from the gateway's IP address. The gateway's operator should ask Halo"
    " support to allow it.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
GATEWAY_IP_BLOCKED = FailureKind(
    "upstream-ip-blocked",
    502,
    "security",
    "Halo does not accept requests from the gateway's IP address; your request is correct. The gateway's"
    " operator should ask Halo support to allow the address.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
DEVELOPER_LICENCE = FailureKind(
    "site-developer-licence",
    403,
    "forbidden",
    "The practice software has a developer licence, which Halo's production environment refuses. Use the"
    " Stage environment, or a practice with a full licence.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_AUTHORITATIVE = FailureKind(
    "site-not-authoritative",
    403,
    "forbidden",
    "This Halo GUID is no longer the practice's authoritative GUID. Fetch the practice's current GUID and use"
    " it.",
    retry_advice=RetryAdvice.ONCE,
    may_have_run=False,
)
QUOTA_EXHAUSTED = FailureKind(
    "upstream-quota",
    429,
    "throttled",
    "Halo's daily quota of queries or bandwidth is used up. Retry after the time in Retry-After, or ask Halo"
    " for a higher quota.",
    retry_advice=RetryAdvice.YES,
    retry_after=3_600,
    may_have_run=False,
)
INTERACTION_UNSUPPORTED = FailureKind(
    "interaction-not-supported",
    404,
    "not-supported",
    "The practice's FHIR service has no such interaction or operation for this resource type, so the request"
    " was not carried out. This says nothing about the records that exist. Check the URL; the"
    " CapabilityStatement lists what is supported.",
    message_code="MSG_OP_NOT_ALLOWED",
)
OPERATION_UNKNOWN = FailureKind(
    "operation-not-found",
    404,
    "not-supported",
    "Halo has no operation at this URL. Check the path; the CapabilityStatement lists the interactions.",
    message_code="MSG_UNKNOWN_OPERATION",
    may_have_run=False,
)
