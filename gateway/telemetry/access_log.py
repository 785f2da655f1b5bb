"""Event `request`: one for each request, with names, codes, size and duration, but no values."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import structlog

from gateway.dates.registry import is_registered
from gateway.errors.failure import FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.fhir.search_params import RESULT_PARAMETERS, Parameter
from gateway.http.cache_status import cache_outcome
from gateway.http.proved_callers import caller_of
from gateway.telemetry.site_labels import NO_SITE, SiteLabel, SiteLabels

_log = structlog.get_logger()
#: Status in the log of a request without a response, because its client left (as nginx logs it).
CLIENT_LEFT_STATUS: Final = 499
#: Methods that the log names; any other is `other`, because a client may write a value in its place.
_METHODS: Final = frozenset(
    {"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_OTHER_METHOD: Final = "other"
#: Returns the name of a caller by the header fields and the identity at the upstream, as the ledger has it.
CallerName = Callable[[Headers, str], str]


class Answer(NamedTuple):
    """Response to a request that no handler saw; `request_id` is the one that the client sees."""

    request_id: str
    status: int
    kind: FailureKind | None = None
    octets: int = 0
    seconds: float = 0.0
    trace_id: str = ""


class Sender(NamedTuple):
    """What is known of the sender of a request that no handler saw, and of its interaction."""

    caller: str = ""
    app: str = ""
    interaction: Interaction = NOT_FHIR


UNKNOWN_SENDER = Sender()


class AccessLog:
    """Writes the event `request`; `caller_name` returns alias, digits or `unproved`."""

    def __init__(
        self,
        labels: SiteLabels = SiteLabels(),  # noqa: B008 - it does not change
        caller_name: CallerName = lambda *_: "",
    ) -> None:
        self.labels = labels
        self._caller_name = caller_name

    def log(
        self,
        request: FhirRequest,
        response: FhirResponse,
        seconds: float,
        *,
        is_cut_off: bool = False,
        is_client_gone: bool = False,
    ) -> None:
        """Log a request with its response; one that the shutdown of the gateway cut off as a warning."""
        level = logging.WARNING if is_cut_off else logging.INFO
        if _log.is_enabled_for(level):
            fields = self.shared_fields(request, response, is_client_gone=is_client_gone)
            _log.log(level, "request", **fields, ms=_milliseconds(seconds))

    def log_left(self, request: FhirRequest, seconds: float, trace_id: str = "") -> None:
        """Log a request that ended without a response, because its client left."""
        self.log(request, FhirResponse(CLIENT_LEFT_STATUS, trace_id=trace_id), seconds, is_client_gone=True)

    def shared_fields(
        self, request: FhirRequest, response: FhirResponse, *, is_client_gone: bool = False
    ) -> dict[str, Any]:
        """Return the fields of a request and its response; all but the id are those of each equal hit."""
        caller = self._caller_name(request.headers, caller_of(request))
        fields = request_log_fields(request, self.labels.label_of(request), caller)
        return _join_fields(
            fields, _response_fields(response), response.trace_id, is_client_gone=is_client_gone
        )

    def log_unread(
        self,
        path: str,
        method: str,
        answer: Answer,
        sender: Sender = UNKNOWN_SENDER,
    ) -> None:
        """Log a request that no handler saw; `path` and `method` as received, empty if they were not."""
        fields = _names(answer.request_id, self.labels.of_path(path), sender.caller, sender.app)
        fields |= _action(method, sender.interaction, ())
        result = _result(answer.status, answer.kind.code if answer.kind else "", octets=answer.octets)
        is_gone = answer.status == CLIENT_LEFT_STATUS
        _join_fields(fields, result, answer.trace_id, is_client_gone=is_gone)
        _log.info("request", **fields, ms=_milliseconds(answer.seconds))


def _join_fields(
    fields: dict[str, object], result: dict[str, object], trace_id: str, *, is_client_gone: bool
) -> dict[str, object]:
    """Return the fields of a request, changed in place, with those of its result, client and trace."""
    fields |= result
    if is_client_gone:
        fields["client_left"] = True
    if trace_id:
        fields["trace_id"] = trace_id
    return fields


def request_log_fields(
    request: FhirRequest, site: SiteLabel = NO_SITE, caller: str = ""
) -> dict[str, object]:
    """Return the fields of a request that may be logged: names and codes, no values, ids or paths."""
    codes = {_loggable_parameter(request, parameter) for parameter in request.client_search.parameters}
    return {
        **_names(request.request_id, site, caller, request.app),
        **_action(request.method, request.interaction, codes),
    }


def _names(request_id: str, site: SiteLabel, caller: str, app: str) -> dict[str, object]:
    fields: dict[str, object] = {
        "request_id": request_id,
        "site": site.name,
        "site_id": site.id,
        "caller": caller,
    }
    if app:
        fields["app"] = app
    return fields


def _action(method: str, interaction: Interaction, parameters: Iterable[str]) -> dict[str, object]:
    return {
        "method": method if method in _METHODS else _OTHER_METHOD,
        "interaction": interaction.name,
        "type": interaction.type,
        "parameters": sorted(parameters),
    }


def _response_fields(response: FhirResponse) -> dict[str, object]:
    return _result(
        response.status,
        response.failure_code,
        cache_outcome(response.header("cache-status"), response.status),
        response.upstream_use.queries,
        response.applied_repairs,
        len(response.body),
    )


def _result(
    status: int,
    code: str,
    cache: str = "",
    queries: int = 0,
    repairs: tuple[str, ...] = (),
    octets: int = 0,
) -> dict[str, object]:
    fields: dict[str, object] = {"status": status}
    if code:
        fields["code"] = code
    return {**fields, "cache": cache, "queries": queries, "repairs": repairs, "bytes": octets}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _loggable_parameter(request: FhirRequest, parameter: Parameter) -> str:
    """Return the parameter's code if R4 defines it: an unknown name may be a value in the wrong place."""
    code = parameter.code.partition(".")[0]
    return code if code in RESULT_PARAMETERS or is_registered(request.interaction.type, code) else "other"
