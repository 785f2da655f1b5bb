"""Check that the includes of a page are about the patients of its matches."""

from collections.abc import Sequence

from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.raw_json import decode_resource
from gateway.upstreams.patient_criteria import (
    PATIENT_MENTION,
    IdCriterion,
    ResourceName,
    patient_paths,
    references_at,
    resource_name,
)

_ITERATIONS = (":iterate", ":recurse")


def includes_other_patient(
    request: FhirRequest, criteria: Sequence[IdCriterion], matches: Sequence[Raw], includes: Sequence[Raw]
) -> bool:
    """Whether an include is a patient, or about a patient, to whom no criterion and no match refers.

    An entry without a mode may be either, so that what is about a named patient counts as a match.

    False without a criterion on patients; `_include:iterate` may lead to others. Raises UnreadableError.
    """
    values = (value for criterion in criteria for value in criterion.values)
    named = {value.id for value in values if value.type in {"", "Patient"}}
    iterates = any(item.name.endswith(_ITERATIONS) for item in request.client_search.parameters)
    if not named or iterates:  # a location, for example, has the encounters of many patients
        return False
    nearest = [include for include in includes if _concerns_any(request, include, named)]
    mentioned = {
        id_.decode() for resource in (*matches, *nearest) for id_ in PATIENT_MENTION.findall(bytes(resource))
    }
    return any(not _concerns_any(request, include, named | mentioned) for include in includes)


def _concerns_any(request: FhirRequest, include: Raw, ids: set[str]) -> bool:
    resource = decode_resource(include)
    type_ = str(resource.get("resourceType"))
    if type_ == "Patient":  # one that links to a match may be a reverse include
        return resource.get("id") in ids or any(
            id_.decode() in ids for id_ in PATIENT_MENTION.findall(include)
        )
    patients = [name for name in _named_resources(request, type_, resource) if name.type == "Patient"]
    return not patients or any(name.id in ids for name in patients)


def _named_resources(request: FhirRequest, type_: str, resource: dict[str, object]) -> list[ResourceName]:
    references = (ref for path in patient_paths(type_) for ref in references_at(resource, path))
    names = (resource_name(request, reference) for reference in references)
    return [name for name in names if name is not None]
