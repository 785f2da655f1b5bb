"""Health Gorilla's FHIR API: OperationOutcomes with the words in `diagnostics`, and its table of messages."""

from gateway.errors.failure import Kind, Repeat
from gateway.upstreams import failures
from gateway.upstreams.error_rule import Row

ASYNC_ONLY = Kind(
    "async-only",
    400,
    "business-rule",
    "The upstream runs this operation only asynchronously. Send Prefer: respond-async and poll the"
    " status URL.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)
SUBJECT_UNKNOWN = Kind(
    "upstream-credentials",
    401,
    "unknown",
    "The subject of your token is not a user of this tenant. Correct the token's subject, or ask the"
    " upstream to bind your client to the tenant.",
    message="MSG_AUTH_REQUIRED",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
NOT_LICENSED = Kind(
    "upstream-not-licensed",
    403,
    "forbidden",
    "Your tenant has no licence for this function. Ask the upstream for one.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
URL_MALFORMED = Kind(
    "upstream-bad-request",
    400,
    "invalid",
    "The URL is incomplete or has an extra character, such as two slashes. Correct it.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)
DUPLICATE = Kind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A record like this, or with this identifier, exists already. Search for it and update that one.",
    message="MSG_DUPLICATE_ID",
    repeat=Repeat.AFTER_CHANGE,
)
RULE = Kind(
    "upstream-rule",
    422,
    "business-rule",
    "The upstream's rules reject the content. Correct it by the words in diagnostics.",
    repeat=Repeat.AFTER_CHANGE,
)
ATTACHMENT_EMPTY = Kind(
    "upstream-rule",
    422,
    "required",
    "The document has no attachment, or an empty one. Add its content.",
    repeat=Repeat.AFTER_CHANGE,
)
PERFORMER_UNKNOWN = Kind(
    "upstream-rule",
    422,
    "not-found",
    "The performer of the order is missing or not one the upstream knows. Name a laboratory it offers.",
    repeat=Repeat.AFTER_CHANGE,
)
AUTHORISED_BY = Kind(
    "upstream-rule",
    422,
    "business-rule",
    "The authorising location is unknown or not one of the order's author. Correct either.",
    repeat=Repeat.AFTER_CHANGE,
)
LINK_EXPIRED = Kind(
    "link-expired",
    410,
    "not-found",
    "The temporary link has expired. Ask for a new one.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)
MEDIA_TYPE = Kind(
    "upstream-media-type",
    415,
    "not-supported",
    "The upstream does not take this media type. Send application/fhir+json, or a document type it lists.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)

ROWS = (
    Row("hg-400-empty", URL_MALFORMED, status={400}, shapes={"empty"}),
    Row("hg-400-async", ASYNC_ONLY, status={400}, says=r"asynchronous mode only"),
    Row(
        "hg-400-subject",
        SUBJECT_UNKNOWN,
        status={400},
        says=r"subject validation failed",
        own=failures.OWN_CREDENTIALS,
    ),
    Row("hg-400-invalid", failures.PARAMETER_INVALID, status={400}, says=r"invalid request"),
    Row("hg-401", failures.CREDENTIALS, status={401}, own=failures.OWN_CREDENTIALS),
    Row("hg-403-version", failures.MISCONFIGURED, status={403}, says=r"insufficient access rights"),
    Row("hg-403-license", NOT_LICENSED, status={403}, says=r"no licen[cs]e"),
    Row("hg-403-other", failures.FORBIDDEN, status={403}),
    Row("hg-404-www", failures.MISCONFIGURED, status={404}, says=r"rejected_www-request"),
    Row("hg-404", failures.NOT_FOUND, status={404}, shapes={"outcome", "text", "message", "empty"}),
    Row("hg-405", failures.METHOD, status={405}),
    Row("hg-415", MEDIA_TYPE, status={415}),
    Row("hg-422-id2", DUPLICATE, status={422}, says=r"ID2 already exists"),
    Row("hg-422-empty-att", ATTACHMENT_EMPTY, status={422}, says=r"empty content attachment"),
    Row("hg-422-dup", DUPLICATE, status={409, 422}, says=r"duplicates? the existing|create duplicate"),
    Row("hg-422-performer", PERFORMER_UNKNOWN, status={422}, says=r"performer is unknown"),
    Row("hg-422-authorizedby", AUTHORISED_BY, status={422}, says=r"AuthorizedBy is unknown"),
    Row("hg-422-generic", RULE, status={422}, relays=True),
    Row("hg-454", LINK_EXPIRED, status={454}),
)
