"""HaloITSM's REST API (another company's product): its guide's statuses, bodies of many shapes.

The gateway has no credentials of its own for it: a client without a token is fetching one.
"""

from gateway.errors.failure import Kind, Repeat
from gateway.upstreams import failures
from gateway.upstreams.error_rule import Row

VALUE = Kind(
    "upstream-value",
    422,
    "value",
    "A value in the content has the wrong format. Correct it by the words in diagnostics.",
    message="MSG_PARAM_INVALID",
    repeat=Repeat.AFTER_CHANGE,
)
DUPLICATE_VALUE = Kind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A value that has to be unique is taken already. Choose another one.",
    message="MSG_DUPLICATE_ID",
    repeat=Repeat.AFTER_CHANGE,
)
TOO_SLOW = Kind(
    "upstream-timeout",
    504,
    "timeout",
    "The upstream took too long, as large reports do. Ask for less data at once.",
    repeat=Repeat.AFTER_CHANGE,
)

_OAUTH = r"invalid_(client|token|grant)|unauthorized_client"

ROWS = (
    Row("itsm-oauth", failures.CREDENTIALS, status={400, 401}, shapes={"oauth"}, says=_OAUTH),
    Row("itsm-401", failures.CREDENTIALS, status={401}),
    Row("itsm-403", failures.FORBIDDEN, status={403}),
    Row(
        "itsm-404",
        failures.NOT_FOUND,
        status={404},
        shapes={"empty", "exception", "message", "result", "text"},
    ),
    Row("itsm-405", failures.METHOD, status={405}),
    Row("itsm-409-unique", DUPLICATE_VALUE, status={409}, says=r"unique|already (exists|in use)|duplicate"),
    Row("itsm-409", failures.CONFLICT, status={409}),
    Row("itsm-422", VALUE, status={422}),
    Row("itsm-429", failures.RATE_LIMITED, says=r"rate limit reached"),
    Row("itsm-504", TOO_SLOW, status={504}),
)
