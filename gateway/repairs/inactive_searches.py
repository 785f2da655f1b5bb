"""Handler that sends a search for inactive records where the site's engine has shown that it finds them.

A record that a client wrote as inactive, or that an ordinary search found, does not prove that a search for
inactive records finds them: an empty result would look complete. Such a sighting only permits a trial: a
search by this criterion alone is sent, and its result is shown if every match is inactive. That proves the
criterion for this type of record at this engine version. A further search by it alone proves it again, or
ends the proof by a match that is not inactive; an empty result says nothing. Without proof, the client gets
the usual refusal. All callers share the proof, so only a request without other choices of a caller counts.
"""

from dataclasses import replace

from msgspec import Raw

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import object_fields, string_value
from gateway.fhir.search_params import Parameter
from gateway.repairs.inactive_records import (
    INACTIVE_RECORDS,
    REPAIR,
    inactive_criteria,
    inactive_type,
    is_plain_criterion,
)
from gateway.repairs.witness import typed_fields
from gateway.sites.issue_states import IssueStates, Observation, Verdict

_ISSUE = REPAIR.issue.id
#: Parameters of a trial apart from its criterion: they change neither the entries nor their elements.
_TRIAL_PARAMETERS = frozenset({"_count", "_total"})
_TRIAL_TEXT = (
    "The practice system returns inactive records in other searches, but this search, which was sent, did not"
    " return only inactive records. So its result does not mean that there are no others, and is withheld."
    " Remove the criterion, or ask the practice."
)


class InactiveSearches:
    """Switches the repair `inactive-records` off for a search that is proved to work, or is worth a trial.

    A dry run, whose responses prove nothing, has `judges_results=False`.
    """

    def __init__(self, inner: Handler, states: IssueStates, *, judges_results: bool = True) -> None:
        self._inner = inner
        self._states = states
        self._judges_results = judges_results

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure 400 if a trial proves nothing."""
        site, criteria = request.site, inactive_criteria(request)
        if site is None or not criteria or not REPAIR.is_active(site):
            return await self._inner(request)
        verdict = await self._verdict(request, site, criteria)
        if verdict in {"right", "seen"} and _can_prove(request, criteria):
            return await self._try(_without_repair(request, site), site, is_proved=verdict == "right")
        return await self._inner(_without_repair(request, site) if verdict == "right" else request)

    async def _verdict(
        self, request: FhirRequest, site: Site, criteria: tuple[Parameter, ...]
    ) -> Verdict | None:
        """Verdict on the searched type; None if a criterion has a form that no proof covers."""
        kind = request.interaction.type
        is_covered = all(is_plain_criterion(kind, each) for each in criteria)
        return await self._states.verdict_on(site.guid, _ISSUE, kind) if is_covered else None

    async def _try(self, request: FhirRequest, site: Site, *, is_proved: bool) -> FhirResponse:
        response = await self._inner(request)
        if not self._judges_results:
            return response
        bundle, kind = response.with_parsed_bundle().bundle, request.interaction.type
        types = _match_types(bundle) if bundle is not None else set[str]()
        if types:
            is_proved = types == {kind}
            verdict: Verdict = "right" if is_proved else "broken"
            await self._states.observe(site.guid, [Observation(_ISSUE, kind, verdict)])
        if is_proved:  # also an empty page, and a 304 without a Bundle
            return response
        raise Failure(INACTIVE_RECORDS, text=_TRIAL_TEXT).with_upstream_use(response.upstream_use)


def _without_repair(request: FhirRequest, site: Site) -> FhirRequest:
    return request.replace(site=replace(site, disabled_repairs=site.disabled_repairs | {_ISSUE}))


def _can_prove(request: FhirRequest, criteria: tuple[Parameter, ...]) -> bool:
    """Whether the result shows if the criterion works: it is alone, and the first matches are there.

    Any other request could find nothing, or other records, for a reason of its own.
    """
    search = request.upstream_search
    others = [each for each in search.parameters if each not in criteria]
    is_first_page = request.method == "GET" and request.plan.position == START and not search.is_count
    is_alone = len(criteria) == 1 and all(each.name in _TRIAL_PARAMETERS for each in others)
    return is_first_page and is_alone


def _match_types(bundle: Bundle) -> set[str]:
    """Types of the inactive matches, and an empty text if there are other matches; empty without matches."""
    resources = (entry.resource for entry in bundle.entries if _search_mode(entry) not in _NO_MATCH)
    return {inactive_type(each) for each in resources if each is not None and not _is_outcome(each)}


def _is_outcome(resource: Raw) -> bool:
    """Whether a resource is an OperationOutcome, which an upstream may list without a mode."""
    return b"OperationOutcome" in bytes(resource) and typed_fields(resource)[0] == "OperationOutcome"


_NO_MATCH = frozenset({"include", "outcome"})


def _search_mode(entry: Entry) -> str:
    search = entry.fields.get("search")
    return string_value(object_fields(search).get("mode")) if search is not None else ""
