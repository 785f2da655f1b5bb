"""HaloITSM's REST API (a product of another company): the statuses of its guide, bodies of many forms.

The gateway has no own credentials for it: a request without a token is a request for a token. Only a status
is an error, and selects its kind: its client libraries (HaloAPI, halopsa) read errors only after one, so that
a ticket with fields such as `status`, `message` and `errorMessage` is data. The bodies are those that HaloAPI
reads, in its order; any other JSON counts as the text in it.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.envelopes import EXCEPTION, MESSAGE, OAUTH, PLAIN_ENVELOPES, has_fields
from gateway.upstreams.error_body import MAX_MESSAGE_LENGTH, Envelope, code_field, text_field
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.limits import RateWindow, UpstreamLimits

_AFTER_CHANGE, _AFTER_FIX = RetryAdvice.AFTER_CHANGE, RetryAdvice.AFTER_FIX

TOKEN_REFUSED = FailureKind(
    "upstream-credentials",
    401,
    "login",
    "HaloITSM issued no token, or does not accept it: the client ID, the client secret, the tenant or the"
    " grant type is not valid. Check the API application in HaloITSM, then request a new token.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=_AFTER_FIX,
    may_have_run=False,
)
BAD_REQUEST = FailureKind(
    "upstream-status",
    400,
    "invalid",
    "HaloITSM refused the request: a required field is missing, for example, a value is not permitted, or the"
    " body of a POST is no JSON array. Correct it according to the text in diagnostics.",
    retry_advice=_AFTER_CHANGE,
)
CREDENTIALS_INVALID = FailureKind(
    "upstream-credentials",
    401,
    "login",
    "HaloITSM got no credentials that it accepts: the token is missing, expired, or of another instance."
    " Request a new token. If HaloITSM reads the data of an integration, enter that integration's credentials"
    " again in its setup page.",
    message_code="MSG_AUTH_REQUIRED",
    retry_advice=_AFTER_FIX,
    may_have_run=False,
)
FORBIDDEN = FailureKind(
    "upstream-forbidden",
    403,
    "forbidden",
    "The agent, user or API application lacks the permission for this area or action in HaloITSM, or the"
    " account of an integration does. An administrator of HaloITSM must give the permission.",
    retry_advice=_AFTER_FIX,
    may_have_run=False,
)
NOT_FOUND = FailureKind(
    "resource-not-found",
    404,
    "not-found",
    "HaloITSM has nothing at this URL: the ticket or other record was deleted, or the URL is wrong. Restore"
    " the record, or do not use the URL any more.",
    message_code="MSG_NO_EXIST",
)
METHOD_NOT_ALLOWED = FailureKind(
    "method-not-allowed",
    405,
    "not-supported",
    "This endpoint of HaloITSM does not support the method. Use a method that its API documentation lists.",
    message_code="MSG_OP_NOT_ALLOWED",
    may_have_run=False,
)
NOT_ACCEPTABLE = FailureKind(
    "media-type",
    406,
    "not-supported",
    "HaloITSM cannot send the media type that Accept names. Send Accept: application/json.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
CONFLICT = FailureKind(
    "edit-conflict",
    409,
    "conflict",
    "The request conflicts with the data in HaloITSM: the ticket is closed already, for example, or somebody"
    " else changed the record at the same time. Read the record again, then decide.",
    message_code="MSG_VERSION_AWARE_CONFLICT",
    retry_advice=_AFTER_CHANGE,
)
DUPLICATE_VALUE = FailureKind(
    "upstream-duplicate",
    409,
    "duplicate",
    "A value that must be unique exists already in HaloITSM. Choose another value.",
    message_code="MSG_DUPLICATE_ID",
    retry_advice=_AFTER_CHANGE,
)
URL_TOO_LONG = FailureKind(
    "uri-too-long",
    414,
    "too-long",
    "The URL is longer than HaloITSM accepts. Shorten the filter, or ask for fewer ids at once.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
GONE = FailureKind(
    "upstream-status",
    410,
    "deleted",
    "HaloITSM no longer has the ticket or other record at this URL. Restore it, or do not use the URL any"
    " more.",
)
PRECONDITION_REQUIRED = FailureKind(
    "upstream-status",
    428,
    "business-rule",
    "HaloITSM requires a condition with this change. Read the record, then send the change with the condition"
    " that diagnostics names.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
MEDIA_TYPE_UNSUPPORTED = FailureKind(
    "upstream-media-type",
    415,
    "not-supported",
    "HaloITSM does not accept this media type. Send application/json.",
    retry_advice=_AFTER_CHANGE,
    may_have_run=False,
)
VALUE_INVALID = FailureKind(
    "upstream-value",
    422,
    "value",
    "A field has a wrong format, such as text in place of a number. Correct it according to the text in"
    " diagnostics.",
    message_code="MSG_PARAM_INVALID",
    retry_advice=_AFTER_CHANGE,
)
RATE_LIMITED = FailureKind(
    "rate-limited",
    429,
    "throttled",
    "HaloITSM's limit of requests in a rolling window is reached; diagnostics names the window if HaloITSM"
    " does. Retry after the time in Retry-After, and send smaller batches.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)
SERVER_ERROR = FailureKind(
    "upstream-500",
    502,
    "exception",
    "HaloITSM had an internal error. Retry after the time in Retry-After; if it happens again, contact"
    " HaloITSM's support with the ids in diagnostics.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
)
BAD_GATEWAY = FailureKind(
    "upstream-502",
    502,
    "transient",
    "HaloITSM's web server got no valid response from the application. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
)
TOO_SLOW = FailureKind(
    "upstream-timeout",
    504,
    "timeout",
    "HaloITSM did not finish in time, often because a report has too much data or slow SQL. Request less data"
    " at once, or change the report's SQL; loadreport=false opens a report without its data.",
    retry_advice=_AFTER_CHANGE,
)

_OAUTH_ERRORS = (
    *("invalid_client", "invalid_token", "invalid_grant", "invalid_scope"),
    *("unauthorized_client", "unsupported_grant_type"),
)

RULES = (
    ErrorRule(
        "itsm-oauth",
        TOKEN_REFUSED,
        status={400, 401},
        shapes={"oauth"},
        codes=_OAUTH_ERRORS,
    ),
    ErrorRule("itsm-400", BAD_REQUEST, status={400}),
    ErrorRule("itsm-401", CREDENTIALS_INVALID, status={401}),
    ErrorRule("itsm-403", FORBIDDEN, status={403}),
    ErrorRule("itsm-404", NOT_FOUND, status={404}),
    ErrorRule("itsm-405", METHOD_NOT_ALLOWED, status={405}),
    ErrorRule("itsm-406", NOT_ACCEPTABLE, status={406}),
    ErrorRule(
        "itsm-409-unique",
        DUPLICATE_VALUE,
        status={409},
        message_pattern=r"\bmust be unique\b|\balready (exists|in use)\b",
    ),
    ErrorRule("itsm-409", CONFLICT, status={409}),
    ErrorRule("itsm-410", GONE, status={410}),
    ErrorRule("itsm-414", URL_TOO_LONG, status={414}),
    ErrorRule("itsm-415", MEDIA_TYPE_UNSUPPORTED, status={415}),
    ErrorRule("itsm-422", VALUE_INVALID, status={422}),
    ErrorRule("itsm-428", PRECONDITION_REQUIRED, status={428}),
    ErrorRule("itsm-429", RATE_LIMITED, status={429}),
    ErrorRule("itsm-500", SERVER_ERROR, status={500}),
    ErrorRule("itsm-502", BAD_GATEWAY, status={502}),
    ErrorRule("itsm-504", TOO_SLOW, status={504}),
)


def _parse_result(fields: Mapping[str, Any]) -> UpstreamError:
    code, message = code_field(fields["resultCode"]), text_field(fields["errorMessage"])
    return UpstreamError("result", error_code=code, message=message)


def _parse_any_json(value: Any) -> UpstreamError:
    return UpstreamError("json", message=text_field(" ".join(islice(_texts_in(value), _MAX_TEXTS))))


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in a decoded JSON value of any depth, without the names of fields."""
    values = [value]
    while values:
        first = values.pop()
        if isinstance(first, str):
            yield first[:MAX_MESSAGE_LENGTH]
        elif isinstance(first, dict | list):
            values.extend(reversed(list(first.values() if isinstance(first, dict) else first)))


#: `{"resultCode", "errorMessage"}`
RESULT = Envelope("result", _parse_result, has_fields("resultCode", "errorMessage"))
#: Any other JSON, such as `["The summary is required"]` or `{"errors": {"summary": ["It is required."]}}`.
ANY_JSON = Envelope("json", _parse_any_json, content="json")
ENVELOPES = (RESULT, EXCEPTION, MESSAGE, OAUTH, ANY_JSON, *PLAIN_ENVELOPES)
#: Texts of such JSON that count.
_MAX_TEXTS = 20

#: Words of a service desk that are no names; those of errors need no mention.
VOCABULARY = frozenset(
    {
        *("ticket", "tickets", "tickettype", "agent", "agents", "requester", "team", "teams", "department"),
        *("asset", "assets", "invoice", "invoices", "quotation", "quotations", "opportunity"),
        *("opportunities", "contract", "contracts", "supplier", "suppliers", "project", "projects", "sla"),
        *("slas", "workflow", "workflows", "approval", "approvals", "priority", "priorities", "urgency"),
        *("impact", "category", "categories", "report", "reports", "runbook", "runbooks", "integrator"),
        *("timesheet", "timesheets", "chargerate", "customfield", "kanban", "knowledgebase", "servicedesk"),
        *("sync", "xero"),
    }
)

HALO_ITSM = Dialect(
    "halo-itsm",
    RULES,
    is_fhir=False,
    product="HaloITSM",
    credentials=CredentialScheme(challenge='Bearer realm="halo-itsm"'),
    envelopes=ENVELOPES,
    success_errors="none",
    vocabulary=VOCABULARY,
    timeout=TOO_SLOW,
    token_path="auth/token",  # noqa: S106 - a path
    limits=UpstreamLimits(
        read_timeout=125.0,
        total_timeout=130.0,
        max_request_body=20_000_000,
        rate_windows=(RateWindow(300, 300.0), RateWindow(500, 180.0)),
    ),
)
