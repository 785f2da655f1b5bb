"""Kinds of failure of Halo Cloud, Halo Link and the practice behind them.

Sources: Halo's troubleshooting guide (newer and older edition), its OpenAPI file, Azure API Management.
"""

from dataclasses import replace

from gateway.errors.failure import FailureKind, RetryAdvice

CONNECTION_LOST = FailureKind(
    "practice-connection-lost",
    503,
    "transient",
    "The connection to the practice broke during the query. Try again.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
DATABASE_DOWN = FailureKind(
    "practice-database-down",
    503,
    "no-store",
    "The practice's database does not answer Halo Link. Try again later; if it stays so, the practice should"
    " check its server.",
    retry_advice=RetryAdvice.YES,
    retry_after=60,
    may_have_run=False,
)
DATABASE_BUSY = FailureKind(
    "practice-database-busy",
    503,
    "lock-error",
    "The practice's database was busy with another change and dropped the query. Try again.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
QUERY_FAILED = FailureKind(
    "practice-query-failed",
    502,
    "exception",
    "The practice's database could not run the query made from this request. The same request will fail"
    " again; report it to Halo support with the ids in diagnostics.",
)
VALUE_UNREADABLE = FailureKind(
    "practice-value-conversion",
    500,
    "exception",
    "The practice system could not read a value in the query, often a date. Check the values you sent;"
    " if they are right, tell the gateway's operator.",
)
RESULT_LOST = FailureKind(
    "practice-result-lost",
    503,
    "transient",
    "The practice ran the query but could not return its result. Try once more; if it happens often, contact"
    " Halo support.",
    retry_advice=RetryAdvice.ONCE,
    retry_after=5,
)
QUERY_ORPHANED = FailureKind(
    "practice-query-orphaned",
    503,
    "transient",
    "The practice lost the query before it was done. Send it again.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
UPLOAD_FAILED = FailureKind(
    "practice-upload-failed",
    503,
    "transient",
    "The practice could not upload the result. Try once more.",
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
    "The result is larger than Halo can return. Ask for smaller pages (_count), a narrower search, or fewer"
    " includes.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
BAD_RESULT = FailureKind(
    "practice-bad-result",
    502,
    "transient",
    "The practice software answered Halo in an unexpected way. Try again; if it stays so, contact Halo"
    " support.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
UNREACHABLE = FailureKind(
    "practice-unreachable",
    503,
    "no-store",
    "Halo Cloud cannot reach the practice at the moment. Try again after Retry-After; if it lasts, the"
    " practice should check its server and network.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
    may_have_run=False,
)
UNREACHABLE_FOR_LONG = replace(UNREACHABLE, retry_after=60)
OFFLINE = FailureKind(
    "practice-offline",
    503,
    "no-store",
    "The practice's server is switched off or closed its connection to Halo. Try again after"
    " Retry-After, or ask the practice.",
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
    "The request lacks something Halo requires, named in diagnostics. Add it.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
NOT_AUTHORISED = FailureKind(
    "practice-not-authorised",
    403,
    "forbidden",
    "The practice has not enabled your integration in its practice software. Ask the practice to enable"
    " it, and send nothing until then; your key is fine.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
REQUEST_REFUSED = FailureKind(
    "practice-refused",
    400,
    "processing",
    "The practice's FHIR service could not process the request. Correct it by the words in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
SITE_UNKNOWN = FailureKind(
    "site-unknown",
    404,
    "not-found",
    "This Halo GUID is inactive or not known in this environment. Check the GUID and the environment, then"
    " contact Halo support.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
IP_BLOCKED = FailureKind(
    "upstream-ip-blocked",
    403,
    "forbidden",
    "Halo does not accept the address the gateway calls from. The gateway's operator should ask Halo"
    " support to allow it.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
GATEWAY_IP_BLOCKED = FailureKind(
    "upstream-ip-blocked",
    502,
    "security",
    "Halo does not accept the address the gateway calls from. Nothing is wrong with your request; the"
    " gateway's operator should ask Halo support to allow the address.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
DEVELOPER_LICENCE = FailureKind(
    "site-developer-licence",
    403,
    "forbidden",
    "The practice software has a developer licence, which production refuses. Use the Stage environment, or a"
    " practice with a full licence.",
    retry_advice=RetryAdvice.AFTER_FIX,
    may_have_run=False,
)
NOT_AUTHORITATIVE = FailureKind(
    "site-not-authoritative",
    403,
    "forbidden",
    "This Halo GUID is not the practice's authoritative one any more. Fetch the practice's GUID again and use"
    " that.",
    retry_advice=RetryAdvice.ONCE,
    may_have_run=False,
)
QUOTA_EXHAUSTED = FailureKind(
    "upstream-quota",
    429,
    "throttled",
    "The daily query or bandwidth quota is used up. It refills at the time given in Retry-After; ask"
    " Halo for a higher one if that is too little.",
    retry_advice=RetryAdvice.YES,
    retry_after=3_600,
    may_have_run=False,
)
OPERATION_UNKNOWN = FailureKind(
    "operation-not-found",
    404,
    "not-supported",
    "Halo offers nothing at this URL. Check the path; the CapabilityStatement lists the interactions.",
    message_code="MSG_UNKNOWN_OPERATION",
    may_have_run=False,
)
