"""How requests end that no handler sees: the same outcome in counts, failures, trace and log, once."""

from collections.abc import Callable
from typing import NamedTuple

from gateway.exchange import Headers, Site
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.ledger.recorder import Recorder
from gateway.telemetry.access_log import CLIENT_LEFT_STATUS, AccessLog, Answer, Sender
from gateway.telemetry.tracing import Tracing
from gateway.web.request_notes import Scope, early_end_of


class Origin(NamedTuple):
    """What is known of a request: its site, header fields, interaction, and the caller at the upstream."""

    site: Site | None = None
    headers: Headers = ()
    interaction: Interaction = NOT_FHIR
    caller: str = ""


class UnreadRequests:
    """Reports the one outcome of each request that no handler sees; all ways to end one go through this.

    Without `recorder` it counts nothing. `site_in_path` returns the site that a URL's path names.
    """

    def __init__(
        self,
        access_log: AccessLog = AccessLog(),  # noqa: B008 - it has no state
        recorder: Recorder | None = None,
        tracing: Tracing = Tracing(),  # noqa: B008 - it has no state
        site_in_path: Callable[[str], Site | None] = lambda _: None,
    ) -> None:
        self._access_log = access_log
        self._recorder = recorder
        self._tracing = tracing
        self._site_in_path = site_in_path

    def report(
        self,
        scope: Scope | None,
        answer: Answer,
        interaction: Interaction = NOT_FHIR,
        origin: Origin | None = None,
    ) -> None:
        """Report how a request ended; `scope` is None for bytes that never became one.

        Nothing if its connection has answered it: the connection reports that. `origin`: if it is known
        better than by the path.
        """
        ended = _outcome(scope, answer) if scope else answer
        if ended is None:
            return
        path, method = (scope["path"], scope["method"]) if scope else ("", "")
        named = origin or Origin(self._site_in_path(path), interaction=interaction)
        is_for_upstream = origin is not None or named.site is not None
        sender = self._count(ended, named, in_ledger=is_for_upstream)
        trace_id = self._tracing.trace_answer(scope["headers"] if scope else (), method, ended)
        self._access_log.log_unread(path, method, ended._replace(trace_id=trace_id), sender)

    def _count(self, answer: Answer, origin: Origin, *, in_ledger: bool) -> Sender:
        """Count a request that failed, or whose client left; return its sender."""
        is_counted = answer.kind is not None or answer.status == CLIENT_LEFT_STATUS
        if self._recorder is None or not is_counted:
            return Sender(interaction=origin.interaction)
        attribution = self._recorder.record_rejection(
            origin.site,
            origin.headers,
            origin.interaction,
            answer.kind,
            origin.caller,
            request_id=answer.request_id,
            in_ledger=in_ledger,
        )
        return Sender(attribution.caller, attribution.app, origin.interaction)


def _outcome(scope: Scope, answer: Answer) -> Answer | None:
    """Return the answer as the client got it: none if it left, and None if its connection answered."""
    early_end = early_end_of(scope)
    if early_end == "answered":
        return None
    if early_end == "client-left":
        return answer._replace(status=CLIENT_LEFT_STATUS, kind=None, octets=0)
    return answer
