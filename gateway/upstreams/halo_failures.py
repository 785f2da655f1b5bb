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
