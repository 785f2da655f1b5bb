"""Criteria of a search that name a resource by its id: `_id`, and references that may name a patient."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gateway.exchange import FhirRequest
from gateway.fhir.patient_references import ElementPath, patient_reference_paths
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter
from gateway.http.urls import resolve_public_url

_RESOURCE = re.compile(
    r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII
)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


#: Reference to a patient in JSON.
PATIENT_MENTION = re.compile(rb"Patient\\?/([A-Za-z0-9\-.]{1,64})")


class ResourceName(NamedTuple):
    """Type and id of a resource of this site; ids compare with case, an empty type means any."""

    type: str
    id: str


class IdCriterion(NamedTuple):
    """A criterion whose values are all ids: a match is one of them, or has a reference to one at `paths`.

    `paths` is empty for `_id`.
    """

    name: str
    paths: tuple[ElementPath, ...]
    values: frozenset[ResourceName]

    def names(self, resource: ResourceName) -> bool:
        """Whether a resource may be one of the values."""
        return resource in self.values or ResourceName("", resource.id) in self.values


def resource_name(request: FhirRequest, reference: str) -> ResourceName | None:
    """Resource of this site that a reference names; None for any other reference."""
    if reference.startswith(("#", "urn:")):
        return None
    url, base = resolve_public_url(request, reference), f"{request.public_base}/"
    match = _RESOURCE.fullmatch(url[len(base) :]) if url.startswith(base) else None
    return ResourceName(match[1], match[2]) if match else None


def references_at(value: Any, path: Sequence[str]) -> Iterator[str]:
    """Yield the text of each reference at a path; `#` for one by identifier, empty for a text only."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        if path:
            yield from references_at(item.get(path[0]), path[1:])
        else:
            reference = item.get("reference")
            unnamed = "#" if "identifier" in item or reference else ""
            yield reference if isinstance(reference, str) and reference else unnamed


def id_criteria(request: FhirRequest) -> tuple[IdCriterion, ...]:
    """Return the criteria of a client's search that can be checked by ids.

    A criterion with another modifier, or with a value that is no id (a URL of another server), is left out.
    """
    criteria = (_id_criterion(request, parameter) for parameter in request.client_search.parameters)
    return tuple(criterion for criterion in criteria if criterion is not None)


def patient_paths(resource_type: str) -> tuple[ElementPath, ...]:
    """Paths of the references by which a resource is about a patient."""
    return patient_reference_paths(resource_type, "patient") or patient_reference_paths(
        resource_type, "subject"
    )


def may_name_patient(resource_type: str, name: str) -> bool:
    """Whether a parameter selects matches by patient: by a reference, its chain, `_id` or `identifier`."""
    code = re.split("[.:]", name, maxsplit=1)[0]
    return code in {"_id", "identifier", "patient", "subject"} or bool(
        patient_reference_paths(resource_type, code)
    )


def _id_criterion(request: FhirRequest, parameter: Parameter) -> IdCriterion | None:
    type_ = request.interaction.type
    code, _, modifier = parameter.name.removesuffix("._id").partition(":")
    is_own_id = parameter.name == "_id"
    paths = patient_reference_paths(type_, code)
    modifier = modifier or ("Patient" if code == "patient" else "")  # it refers to nothing else
    if not (is_own_id or paths) or (modifier and modifier not in RESOURCE_TYPES):
        return None
    values = list(_value_names(request, parameter.value, type_ if is_own_id else modifier))
    if not values or None in values:
        return None
    return IdCriterion(parameter.name, paths, frozenset(value for value in values if value is not None))


def _value_names(request: FhirRequest, value: str, type_: str) -> Iterator[ResourceName | None]:
    for text in filter(None, map(str.strip, value.split(","))):
        yield ResourceName(type_, text) if _ID.fullmatch(text) else resource_name(request, text)
