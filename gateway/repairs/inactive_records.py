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

_NO_BOOLEAN_TEXT = (
    "The criterion takes a code, true or false, in lower case and without spaces. The practice system may"
    " find nothing by another value and not say so. This search was not sent. Write true, or remove the"
    " criterion."
)
#: (codes of inactive records, codes whose exclusion by `:not` leaves only inactive records)
_Codes = tuple[frozenset[str], frozenset[str]]
#: In any case: servers also read other words for false and true, or find nothing by them and do not say so.
_ACTIVE_CODES: _Codes = frozenset({"false", "f", "0", "no", "n"}), frozenset({"true", "t", "1", "yes", "y"})
_BOOLEAN_CODES = frozenset({"true", "false"})
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
    kind, criteria = request.interaction.type, inactive_criteria(request)
    for each in criteria:
        if not _names_inactive(kind, each):
            raise Failure(INACTIVE_RECORDS, text=_NO_BOOLEAN_TEXT, expression=f"http.{each.code}")
    if criteria and not _is_empty_mode(request):
        raise Failure(INACTIVE_RECORDS, expression=f"http.{criteria[0].code}")
    return request


def empty_searchset(request: FhirRequest) -> FhirResponse | None:
    """Return an empty searchset with a warning if the site is set to that instead of an error."""
    if not _is_empty_mode(request) or not inactive_criteria(request):
        return None
    warning = information_outcome(INACTIVE_RECORDS.text, severity="warning", code="incomplete")
    entry = {"resource": warning, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), encode_resource(bundle))


def _is_empty_mode(request: FhirRequest) -> bool:
    return request.site is not None and request.site.inactive_records == "empty"


def inactive_criteria(request: FhirRequest) -> tuple[Parameter, ...]:
    """Return the criteria of a search that inactive records match, only or also, or that are no boolean."""
    if not request.interaction.is_search:
        return ()
    kind = request.interaction.type
    parameters = request.upstream_search.parameters
    return tuple(each for each in parameters if _names_inactive(kind, each) or _is_no_boolean(kind, each))


def is_plain_criterion(kind: str, criterion: Parameter) -> bool:
    """Whether a criterion is the type's own parameter with one code as R4 writes it, and nothing else.

    A result of such a search says nothing of modifiers, chains, lists, systems or other spellings.
    """
    own = [code for type_, code in INACTIVE_CODES if type_ == kind] or ["active"]
    codes = INACTIVE_CODES.get((kind, criterion.name)) or INACTIVE_CODES["*", "active"]
    is_code = criterion.value in codes[0] and not _is_no_boolean(kind, criterion)
    return criterion.name in own and is_code


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


def _names_inactive(kind: str, parameter: Parameter) -> bool:
    """Whether a value of a criterion is a code of inactive records, in any case and with spaces around it."""
    given = {code.strip().casefold() for code in _token_codes(parameter)}
    return not _inactive_codes(kind, parameter).isdisjoint(given)


def _is_no_boolean(kind: str, parameter: Parameter) -> bool:
    """Whether a value of a boolean criterion is not one of its two codes, as R4 writes them."""
    is_boolean = _inactive_codes(kind, parameter) in _ACTIVE_CODES
    return is_boolean and not _token_codes(parameter) <= _BOOLEAN_CODES


def _inactive_codes(kind: str, parameter: Parameter) -> frozenset[str]:
    """Codes by which a criterion matches inactive records; none for other criteria and modifiers."""
    kind, code, modifier = _parse_parameter_name(kind, parameter.name)
    codes = INACTIVE_CODES.get((kind, code)) or INACTIVE_CODES.get(("*", code))
    return codes[modifier == "not"] if codes and modifier in {"", "not"} else frozenset()


def _parse_parameter_name(kind: str, name: str) -> tuple[str, str, str]:
    """Resource type (empty if a chain has none), parameter and modifier at the end of a name."""
    if name.startswith("_has:"):
        kind, _, name = (*name.rpartition("_has:")[2].split(":", 2), "", "")[:3]
    chain, dot, last = name.rpartition(".")
    code, _, modifier = last.partition(":")
    return chain.rpartition(":")[2] if dot else kind, code, modifier


def _token_codes(parameter: Parameter) -> set[str]:
    """Codes of the values of a token criterion, without their systems."""
    return {value.rpartition("|")[2] for value in parameter.value.split(",") if value}


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
