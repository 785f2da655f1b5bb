"""Repair of searches for inactive records: the upstream does not return them, and does not say so.

Inactive means a record that is deactivated or deleted in the practice system. R4 shows the first as `active`
or a Location's `status`, the second as `entered-in-error`. Clinical statuses of a past event or problem (a
resolved Condition, an inactive allergy, a cancelled Appointment) belong to active records.
"""

from collections.abc import Iterator, Mapping

from msgspec import Raw

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import array_items, object_fields, string_value
from gateway.fhir.search_params import Parameter
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import UpstreamAnswer, typed_fields
from gateway.sites.issue_states import Verdict

INACTIVE_RECORDS = FailureKind(
    "inactive-records",
    400,
    "not-supported",
    "The practice system is not known to return inactive or deleted records, so an empty result would not"
    " mean that there are none. This search was not sent. Remove the criterion, or ask the practice.",
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

#: Entries of a page that the witness examines.
_MAX_EXAMINED = 100

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


def inactive_criteria(request: FhirRequest) -> tuple[Parameter, ...]:
    """Return the criteria of a search that inactive records would match, only or also."""
    if not request.interaction.is_search:
        return ()
    kind = request.interaction.type
    return tuple(item for item in request.upstream_search.parameters if _may_match_inactive(kind, item))


def is_plain_criterion(kind: str, criterion: Parameter) -> bool:
    """Whether a criterion is the type's own parameter with one code as R4 writes it, and nothing else.

    A result of such a search says nothing of modifiers, chains, lists, systems or other spellings.
    """
    own = [code for type_, code in INACTIVE_CODES if type_ == kind] or ["active"]
    codes = INACTIVE_CODES.get((kind, criterion.name)) or INACTIVE_CODES["*", "active"]
    return criterion.name in own and criterion.value in codes[0]


def inactive_type(resource: Raw) -> str:
    """Type of a resource if it is inactive or deleted, else empty. Raises UnreadableError."""
    if not _may_be_inactive(bytes(resource)):
        return ""
    kind, fields = typed_fields(resource)
    codes = {*_codes_of(fields.get("verificationStatus")), string_value(fields.get("status"))}
    is_inactive = (
        bytes(fields.get("active", b"")) == b"false"
        or (kind == "Location" and "inactive" in codes)
        or "entered-in-error" in codes
    )
    return kind if is_inactive else ""


def _may_be_inactive(body: bytes) -> bool:
    """Whether a resource has to be decoded: a search for constants is much faster."""
    has_code = b"entered-in-error" in body or b'"inactive"' in body
    return has_code or (b'"active"' in body and b"false" in body)


def _codes_of(concept: Raw | None) -> Iterator[str]:
    codings = array_items(object_fields(concept).get("coding")) if concept is not None else []
    return (string_value(object_fields(coding).get("code")) for coding in codings)


def witness_inactive(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield that a search found an inactive record, which says nothing of a search for these."""
    entries = answer.bundle.entries if answer.bundle and request.interaction.is_search else ()
    resources = (entry.resource for entry in entries[:_MAX_EXAMINED])
    kind = request.interaction.type
    if any(inactive_type(resource) == kind for resource in resources if resource is not None):
        yield kind, "seen"


def _inactive_criterion(request: FhirRequest) -> Parameter | None:
    return next(iter(inactive_criteria(request)), None)


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
        "Halo Connect troubleshooting, FHIR known issues (both pages)",
        "fix scheduled",
        "searches for them are rejected until an answer shows that they work",
    ),
    request=reject_inactive_search,
    local_response=empty_searchset,
    witness=witness_inactive,
)
