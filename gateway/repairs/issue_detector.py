"""Handler that lets the witnesses of the known issues see unchanged upstream responses."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.witness import NamedWitnesses, observations
from gateway.sites.issue_states import IssueStates
from gateway.sql.operation import parse_operation
from gateway.stores.bounded_dict import BoundedDict

#: Seconds between two answers of one kind at one site that witnesses see, and kinds in memory.
SAMPLE_SECONDS: Final = 30.0
_MAX_KINDS: Final = 20_000
#: Refusals of a caller say nothing about the site; the front of Halo Cloud writes them.
_REFUSALS: Final = frozenset({401, 403, 429})


class IssueDetector:
    """Shows one answer of each kind per site and half minute to the witnesses, so that most cost nothing.

    A failure counts only if the upstream has served this caller, and the site: `is_proved` with its GUID. No
    request of its own is sent.
    """

    def __init__(
        self,
        inner: Handler,
        states: IssueStates,
        witnesses: NamedWitnesses,
        is_proved: Callable[[FhirRequest, str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._states = states
        self._witnesses = tuple(witnesses)
        self._is_proved = is_proved
        self._clock = clock
        self._sampled_at = BoundedDict[tuple[object, ...], float](_MAX_KINDS)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises the inner Failure."""
        is_fhir = request.site is not None and request.interaction.code != "sql"
        guid = request.site.guid if request.site and is_fhir else _queried_site(request)
        try:
            response = await self._inner(request)
        except Failure as failure:
            received = failure.upstream_response
            if received is not None and self._is_about_site(guid, request, received.status):
                await self._observe(guid, request, failure, received.status)
            raise
        if guid and response.status == HTTPStatus.OK:
            await self._observe(guid, request, response, response.status)
        return response

    def _is_about_site(self, guid: str, request: FhirRequest, status: int) -> bool:
        return guid != "" and status not in _REFUSALS and self._is_proved(request, guid)

    async def _observe(
        self, guid: str, request: FhirRequest, answer: FhirResponse | Failure, status: int
    ) -> None:
        if self._is_sampled(request, guid, status):
            found = observations(request, answer, self._witnesses)
            if found:
                await self._states.observe(guid, found)

    def _is_sampled(self, request: FhirRequest, guid: str, status: int) -> bool:
        interaction, search, now = request.interaction, request.upstream_search, self._clock()
        has_includes = "include" in search.query or "include" in search.form
        kind = guid, interaction.code, interaction.type, has_includes, status
        if 0 <= now - self._sampled_at.get(kind, float("-inf")) < SAMPLE_SECONDS:
            return False
        self._sampled_at[kind] = now
        return True


def _queried_site(request: FhirRequest) -> str:
    """GUID of the site that gets a SQL query; empty for other requests."""
    operation = parse_operation(request.method, request.path)
    return operation.guid if operation and operation.is_submission else ""
