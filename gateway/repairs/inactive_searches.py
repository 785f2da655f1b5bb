"""Handler that sends a search for inactive records where the site's engine has shown that it finds them.

A record that a client wrote as inactive, or that an ordinary search found, does not prove that a search for
inactive records finds them: an empty result would look complete. Such a sighting only permits a trial: a
search by this criterion alone is sent, and its result is shown if every match is inactive. That proves the
criterion for this type of record at this engine version; each further search by it alone proves it again, or
ends the proof. Without proof, the client gets the usual refusal.
"""

from dataclasses import replace

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import object_fields, string_value
from gateway.fhir.search_params import Parameter
from gateway.repairs.inactive_records import (
    INACTIVE_RECORDS,
    REPAIR,
    criterion_type,
    inactive_criteria,
    inactive_type,
)
from gateway.sites.issue_states import IssueStates, Observation, Verdict

_ISSUE = REPAIR.issue.id
#: Parameters of a trial apart from its criterion: they change neither the matches nor their elements.
_TRIAL_PARAMETERS = frozenset({"_count", "_sort", "_total", "_include", "_revinclude"})
#: Characters of chains, modifiers, lists and systems.
_SPECIAL = frozenset(".:,|")
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
        verdicts = {await self._verdict(site, criterion_type(request, each)) for each in criteria}
        is_proved = verdicts == {"right"}
        if (is_proved or verdicts == {"seen"}) and _can_prove(request, criteria):
            return await self._try(_without_repair(request, site), site, is_proved=is_proved)
        return await self._inner(_without_repair(request, site) if is_proved else request)

    async def _verdict(self, site: Site, kind: str) -> Verdict | None:
        return await self._states.verdict_on(site.guid, _ISSUE, kind) if kind else None

    async def _try(self, request: FhirRequest, site: Site, *, is_proved: bool) -> FhirResponse:
        response = await self._inner(request)
        if not self._judges_results:
            return response
        bundle, kind = response.with_parsed_bundle().bundle, request.interaction.type
        if bundle is not None:
            is_proved = _match_types(bundle) == {kind}
            verdict: Verdict = "right" if is_proved else "broken"
            await self._states.observe(site.guid, [Observation(_ISSUE, kind, verdict)])
        if is_proved:  # also a 304 without a Bundle
            return response
        raise Failure(INACTIVE_RECORDS, text=_TRIAL_TEXT).with_upstream_use(response.upstream_use)


def _without_repair(request: FhirRequest, site: Site) -> FhirRequest:
    return request.replace(site=replace(site, disabled_repairs=site.disabled_repairs | {_ISSUE}))


def _can_prove(request: FhirRequest, criteria: tuple[Parameter, ...]) -> bool:
    """Whether the result shows if the criterion works: a plain code alone, and the first matches are there.

    Another form of the criterion could find nothing for a reason of its own, and end the proof for everybody.
    """
    others = [each for each in request.upstream_search.parameters if each not in criteria]
    is_plain = len(criteria) == 1 and not _SPECIAL & {*criteria[0].name, *criteria[0].value}
    is_first_page = request.method != "HEAD" and request.plan.position == START
    return is_plain and is_first_page and all(map(_keeps_matches, others))


def _keeps_matches(parameter: Parameter) -> bool:
    return parameter.code in _TRIAL_PARAMETERS and (parameter.code, parameter.value) != ("_count", "0")


def _match_types(bundle: Bundle) -> set[str]:
    """Types of the inactive matches, and an empty text if there are other matches."""
    resources = (entry.resource for entry in bundle.entries if _search_mode(entry) not in _NO_MATCH)
    return {inactive_type(resource) for resource in resources if resource is not None}


_NO_MATCH = frozenset({"include", "outcome"})


def _search_mode(entry: Entry) -> str:
    search = entry.fields.get("search")
    return string_value(object_fields(search).get("mode")) if search is not None else ""
