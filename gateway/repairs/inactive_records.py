"""Repair of searches for inactive records: the upstream never returns them, and does not say so.

Inactive means a record that is deactivated or deleted in the practice system. R4 shows the first as `active`
or a Location's `status`, the second as `entered-in-error`. Clinical statuses of a past event or problem (a
resolved Condition, an inactive allergy, a cancelled Appointment) belong to active records.
"""

from collections.abc import Mapping

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.search_params import Parameter
from gateway.repairs.repair import KnownIssue, Repair

INACTIVE_RECORDS = FailureKind(
    "inactive-records",
    400,
    "not-supported",
    "The practice system never returns inactive or deleted records, so an empty result would not mean that"
    " there are none. This search was not sent. Remove the criterion, or ask the practice.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)

#: (codes of inactive records, codes whose exclusion by `:not` leaves only inactive records)
_Codes = tuple[frozenset[str], frozenset[str]]
_ACTIVE_CODES: _Codes = frozenset({"false"}), frozenset({"true"})
_LOCATION_CODES: _Codes = frozenset({"inactive"}), frozenset({"active"})
_DELETED_CODES: _Codes = frozenset({"entered-in-error"}), frozenset()
_STATUS_TYPES = (
    *("Appointment", "CarePlan", "ClinicalImpression", "Communication", "Device", "DiagnosticReport"),
    *("DocumentReference", "Encounter", "EpisodeOfCare", "Flag", "Immunization", "MedicationRequest"),
    *("MedicationStatement", "Observation", "Procedure", "QuestionnaireResponse", "ServiceRequest", "Slot"),
)

#: (resource type or `*`, search parameter) -> codes.
INACTIVE_CODES: Mapping[tuple[str, str], _Codes] = {
    ("*", "active"): _ACTIVE_CODES,
    ("Location", "status"): _LOCATION_CODES,
    ("AllergyIntolerance", "verification-status"): _DELETED_CODES,
    ("Condition", "verification-status"): _DELETED_CODES,
    **{(kind, "status"): _DELETED_CODES for kind in _STATUS_TYPES},
}


def reject_inactive_search(request: FhirRequest) -> FhirRequest:
    """Return the request. Raises Failure 400 for a search for inactive records if the site rejects it."""
    criterion = None if _is_empty_mode(request) else _inactive_criterion(request)
    if criterion is not None:
        raise Failure(INACTIVE_RECORDS, expression=f"http.{criterion.code}")
    return request


def empty_searchset(request: FhirRequest) -> FhirResponse | None:
    """Return an empty searchset with a warning if the site is set to that instead of an error."""
    if not _is_empty_mode(request) or _inactive_criterion(request) is None:
        return None
    warning = information_outcome(INACTIVE_RECORDS.text, severity="warning", code="incomplete")
    entry = {"resource": warning, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), encode_resource(bundle))


def _is_empty_mode(request: FhirRequest) -> bool:
    return request.site is not None and request.site.inactive_records == "empty"


def _inactive_criterion(request: FhirRequest) -> Parameter | None:
    """Return the first criterion that inactive records would match, only or also."""
    if not request.interaction.is_search:
        return None
    criteria = (
        parameter
        for parameter in request.upstream_search.parameters
        if _may_match_inactive(request.interaction.type, parameter)
    )
    return next(criteria, None)


def _may_match_inactive(kind: str, parameter: Parameter) -> bool:
    kind, code, modifier = _parse_parameter_name(kind, parameter.name)
    codes = INACTIVE_CODES.get((kind, code)) or INACTIVE_CODES.get(("*", code))
    if codes is None or modifier not in {"", "not"}:
        return False
    return not codes[modifier == "not"].isdisjoint(_token_codes(parameter))


def _parse_parameter_name(kind: str, name: str) -> tuple[str, str, str]:
    """Resource type (empty if a chain has none), parameter and modifier at the end of a name."""
    if name.startswith("_has:"):
        kind, _, code = ("", "", *name.split(":"))[-3:]
        return kind, code, ""
    chain, dot, last = name.rpartition(".")
    code, _, modifier = last.partition(":")
    return chain.rpartition(":")[2] if dot else kind, code, modifier


def _token_codes(parameter: Parameter) -> set[str]:
    """Codes of a token value, without their systems."""
    return {value.rpartition("|")[2] for value in parameter.value.split(",")}


REPAIR = Repair(
    KnownIssue(
        "inactive-records",
        "Only active records are returned, and a search for inactive records finds nothing",
        "Halo Connect troubleshooting, FHIR known issues (both pages): fix scheduled",
    ),
    request=reject_inactive_search,
    local_response=empty_searchset,
)
