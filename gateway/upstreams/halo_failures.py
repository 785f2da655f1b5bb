"""Kinds of failure of Halo Cloud, Halo Link and the practice behind them.

Sources: Halo's troubleshooting guide (newer and older edition), its OpenAPI file, Azure API Management.
"""

from dataclasses import replace

from gateway.errors.failure import Kind, Repeat

CONNECTION_LOST = Kind(
    "practice-connection-lost",
    503,
    "transient",
    "The connection to the practice broke during the query. Try again.",
    repeat=Repeat.YES,
    retry_after=5,
)
DATABASE_DOWN = Kind(
    "practice-database-down",
    503,
    "no-store",
    "The practice's database does not answer Halo Link. Try again later; if it stays so, the practice should"
    " check its server.",
    repeat=Repeat.YES,
    retry_after=60,
    sent=False,
)
DATABASE_BUSY = Kind(
    "practice-database-busy",
    503,
    "lock-error",
    "The practice's database was busy with another change and dropped the query. Try again.",
    repeat=Repeat.YES,
    retry_after=5,
)
QUERY_FAILED = Kind(
    "practice-query-failed",
    502,
    "exception",
    "The practice's database could not run the query made from this request. The same request will fail"
    " again; report it to Halo support with the ids in diagnostics.",
)
VALUE_UNREADABLE = Kind(
    "date-rewrite-defect",
    500,
    "exception",
    "The practice system could not read a value in the query, often a date. Check the values you sent;"
    " if they are right, tell the gateway's operator.",
)
RESULT_LOST = Kind(
    "practice-result-lost",
    503,
    "transient",
    "The practice ran the query but could not return its result. Try once more; if it happens often, contact"
    " Halo support.",
    repeat=Repeat.ONCE,
    retry_after=5,
)
QUERY_ORPHANED = Kind(
    "practice-query-orphaned",
    503,
    "transient",
    "The practice lost the query before it was done. Send it again.",
    repeat=Repeat.YES,
    retry_after=10,
)
UPLOAD_FAILED = Kind(
    "practice-upload-failed",
    503,
    "transient",
    "The practice could not upload the result. Try once more.",
    repeat=Repeat.ONCE,
    retry_after=10,
)
QUERY_INCOMPLETE = Kind(
    "gateway-bad-query",
    500,
    "exception",
    "The practice received an incomplete query. Tell the gateway's operator, with the ids in diagnostics.",
    sent=False,
)
RESULT_TOO_LARGE = Kind(
    "result-too-large",
    413,
    "too-costly",
    "The result is larger than Halo can return. Ask for smaller pages (_count), a narrower search, or fewer"
    " includes.",
    repeat=Repeat.AFTER_CHANGE,
)
BAD_RESULT = Kind(
    "practice-bad-result",
    502,
    "transient",
    "The practice software answered Halo in an unexpected way. Try again; if it stays so, contact Halo"
    " support.",
    repeat=Repeat.YES,
    retry_after=5,
)
UNREACHABLE = Kind(
    "practice-unreachable",
    503,
    "no-store",
    "Halo Cloud cannot reach the practice at the moment. Try again after Retry-After; if it lasts, the"
    " practice should check its server and network.",
    repeat=Repeat.YES,
    retry_after=30,
    sent=False,
)
UNREACHABLE_FOR_LONG = replace(UNREACHABLE, retry_after=60)
OFFLINE = Kind(
    "practice-offline",
    503,
    "no-store",
    "The practice's server is switched off or closed its connection to Halo. Try again after"
    " Retry-After, or ask the practice.",
    repeat=Repeat.YES,
    retry_after=300,
    sent=False,
)
QUERY_TIMEOUT = Kind(
    "practice-query-timeout",
    504,
    "timeout",
    "The practice took more than 30 seconds for the query. Narrow the search: a shorter date range, smaller"
    " pages, or fewer includes.",
    repeat=Repeat.AFTER_CHANGE,
)
REQUEST_INCOMPLETE = Kind(
    "gateway-bad-query",
    400,
    "required",
    "The request lacks something Halo requires, named in diagnostics. Add it.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)
NOT_AUTHORISED = Kind(
    "practice-not-authorised",
    403,
    "forbidden",
    "The practice has not enabled your integration in its practice software. Ask the practice to enable"
    " it, and send nothing until then; your key is fine.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
REQUEST_REFUSED = Kind(
    "practice-refused",
    400,
    "processing",
    "The practice's FHIR service could not process the request. Correct it by the words in diagnostics.",
    repeat=Repeat.AFTER_CHANGE,
)
SITE_UNKNOWN = Kind(
    "site-unknown",
    404,
    "not-found",
    "This Halo GUID is inactive or not known in this environment. Check the GUID and the environment, then"
    " contact Halo support.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
IP_BLOCKED = Kind(
    "upstream-ip-blocked",
    403,
    "forbidden",
    "Halo does not accept the address the gateway calls from. The gateway's operator should ask Halo"
    " support to allow it.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
OWN_IP_BLOCKED = Kind(
    "upstream-ip-blocked",
    502,
    "security",
    "Halo does not accept the address the gateway calls from. Nothing is wrong with your request; the"
    " gateway's operator should ask Halo support to allow the address.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
DEVELOPER_LICENCE = Kind(
    "site-developer-licence",
    403,
    "forbidden",
    "The practice software has a developer licence, which production refuses. Use the Stage environment, or a"
    " practice with a full licence.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
NOT_AUTHORITATIVE = Kind(
    "site-not-authoritative",
    403,
    "forbidden",
    "This Halo GUID is not the practice's authoritative one any more. Fetch the practice's GUID again and use"
    " that.",
    repeat=Repeat.ONCE,
    sent=False,
)
QUOTA = Kind(
    "upstream-quota",
    429,
    "throttled",
    "The daily query or bandwidth quota is used up. It refills at the time given in Retry-After; ask"
    " Halo for a higher one if that is too little.",
    repeat=Repeat.YES,
    retry_after=3_600,
    sent=False,
)
OPERATION_UNKNOWN = Kind(
    "operation-not-found",
    404,
    "not-supported",
    "Halo offers nothing at this URL. Check the path; the CapabilityStatement lists the interactions.",
    message="MSG_UNKNOWN_OPERATION",
    sent=False,
)
