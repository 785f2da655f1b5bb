"""The upstream returns active records only, so a search for others finds nothing, without a word.

What is refused is what "inactive" means in a practice system: a record switched off or deleted there. R4
shows the first as `active` or a Location's `status`, the second as `entered-in-error`. Clinical words for
what is over (a resolved Condition, an inactive allergy, a cancelled Appointment) describe active records.
"""

from collections.abc import Mapping

from gateway.errors.failure import Failure, Kind, Repeat
from gateway.errors.operation_outcome import MEDIA_TYPE, encoded, information
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.search_params import Parameter
from gateway.repairs.repair import KnownIssue, Repair

INACTIVE = Kind(
    "inactive-records",
    400,
    "not-supported",
    "This source never returns inactive or deleted records, so it cannot be searched for them, and finding"
    " none would not mean that there are none: leave the criterion out, or ask the practice.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)

#: (codes that mean inactive, codes that mean nothing else when they are excluded by `:not`)
_Codes = tuple[frozenset[str], frozenset[str]]
_SWITCH: _Codes = frozenset({"false"}), frozenset({"true"})
_PLACE: _Codes = frozenset({"inactive"}), frozenset({"active"})
_DELETED: _Codes = frozenset({"entered-in-error"}), frozenset()
_STATUS = (
    *("Appointment", "CarePlan", "ClinicalImpression", "Communication", "Device", "DiagnosticReport"),
    *("DocumentReference", "Encounter", "EpisodeOfCare", "Flag", "Immunization", "MedicationRequest"),
    *("MedicationStatement", "Observation", "Procedure", "QuestionnaireResponse", "ServiceRequest", "Slot"),
)

#: (resource type or `*`, search parameter) -> its codes.
ASKED: Mapping[tuple[str, str], _Codes] = {
    ("*", "active"): _SWITCH,
    ("Location", "status"): _PLACE,
    ("AllergyIntolerance", "verification-status"): _DELETED,
    ("Condition", "verification-status"): _DELETED,
    **{(kind, "status"): _DELETED for kind in _STATUS},
}


def refused(request: FhirRequest) -> FhirRequest:
    """The request. Raises Failure 400 when it asks for inactive records and the site refuses that."""
    asking = None if _empty(request) else _asking(request)
    if asking is not None:
        raise Failure(INACTIVE, expression=f"http.{asking.code}")
    return request


def answered(request: FhirRequest) -> FhirResponse | None:
    """A searchset that says it is incomplete, where the site wants that instead of a refusal."""
    if not _empty(request) or _asking(request) is None:
        return None
    warning = information(INACTIVE.text, severity="warning", code="incomplete")
    entry = {"resource": warning, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), encoded(bundle))


def _empty(request: FhirRequest) -> bool:
    return request.site is not None and request.site.inactive == "empty"


def _asking(request: FhirRequest) -> Parameter | None:
    """The first criterion that only inactive records, or they too, would meet."""
    if not request.interaction.searches:
        return None
    found = (each for each in request.search.parameters if _meant(request.interaction.type, each))
    return next(found, None)


def _meant(kind: str, each: Parameter) -> bool:
    kind, code, modifier = _criterion(kind, each.name)
    codes = ASKED.get((kind, code)) or ASKED.get(("*", code))
    if codes is None or modifier not in {"", "not"}:
        return False
    return not codes[modifier == "not"].isdisjoint(_values(each))


def _criterion(kind: str, name: str) -> tuple[str, str, str]:
    """Resource type (empty where a chain does not say), parameter and modifier that a name ends in."""
    if name.startswith("_has:"):
        kind, _, code = ("", "", *name.split(":"))[-3:]
        return kind, code, ""
    chain, dot, last = name.rpartition(".")
    code, _, modifier = last.partition(":")
    return chain.rpartition(":")[2] if dot else kind, code, modifier


def _values(each: Parameter) -> set[str]:
    """The codes of a token value, without their systems."""
    return {value.rpartition("|")[2] for value in each.value.split(",")}


REPAIR = Repair(
    KnownIssue(
        "inactive-records",
        "Only active records are returned, and a search for others finds nothing",
        "Halo Connect troubleshooting, FHIR known issues (both pages): fix scheduled",
    ),
    request=refused,
    answer=answered,
)
