"""Definitions of R4's types, read from the R4B models of fhir.resources on first use."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from gateway.extras import require_extra
from gateway.validation.primitives import PRIMITIVES
from gateway.validation.r4 import (
    BINDING_CODES,
    R4_ONLY_ELEMENTS,
    R4B_ONLY_ELEMENTS,
    R4B_ONLY_TYPES,
    UNCHECKED_TYPES,
)

_ABSTRACT_TYPES = frozenset({"Resource", "DomainResource"})
#: Prefix of R4B types in the models' own table of types.
_MODEL_PREFIX = "R4."


class Element(NamedTuple):
    """JSON member of a type: its FHIRPath name, its type, whether it repeats, its allowed codes."""

    name: str
    type: str
    is_list: bool = False
    codes: frozenset[str] = frozenset()

    @property
    def is_primitive(self) -> bool:
        """Whether its values are not JSON objects."""
        return self.type in PRIMITIVES


class Definition(NamedTuple):
    """A type: its members by JSON name, and its choices and required elements by FHIRPath name.

    At most one JSON name of a choice may be present, and at least one of a required element must be.
    """

    type: str
    elements: Mapping[str, Element]
    choices: Mapping[str, tuple[str, ...]]
    required_elements: Mapping[str, tuple[str, ...]]

    @property
    def is_resource(self) -> bool:
        """Whether the type is a resource, whose JSON has a resourceType."""
        return "implicitRules" in self.elements


def resource_definition(type_: object) -> Definition | None:
    """Definition of a resource type of R4; None if not in R4 or unchecked. Raises MissingExtraError."""
    if not isinstance(type_, str) or type_ in R4B_ONLY_TYPES | UNCHECKED_TYPES | _ABSTRACT_TYPES:
        return None
    require_extra("validation")
    try:
        model = _model_class(type_)
    except ValueError:
        return None
    return type_definition(type_) if model.has_resource_base() else None


@cache  # bounded by the number of models
def type_definition(type_: str) -> Definition:
    """Definition of a type by its model's name (`Patient`, `PatientContact`, `HumanName`)."""
    model = _model_class(type_)
    names: dict[str, str] = model.get_alias_mapping()
    fields = {
        name: model.model_fields[key] for name, key in names.items() if name not in _elements_not_in_r4(type_)
    }
    elements = {name: _element_definition(model, name, field) for name, field in fields.items()}
    elements |= {name: Element(*element) for name, element in R4_ONLY_ELEMENTS.get(type_, {}).items()}
    siblings = {
        f"_{name}": element._replace(type="Element", codes=frozenset())
        for name, element in elements.items()
        if element.is_primitive
    }
    members: dict[str, tuple[str, ...]] = {}
    for name, element in elements.items():
        members[element.name] = (*members.get(element.name, ()), name)
    required_names = {elements[name].name for name in _required_names(model, fields)}
    choices = {name: json_names for name, json_names in members.items() if len(json_names) > 1}
    required = {name: json_names for name, json_names in members.items() if name in required_names}
    return Definition(type_, elements | siblings, choices, required)


def _elements_not_in_r4(type_: str) -> frozenset[str]:
    return R4B_ONLY_ELEMENTS.get(type_, frozenset())


def _model_class(type_: str) -> Any:
    """Return the model of that name. Raises ValueError if it does not exist."""
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(type_)


def _element_definition(model: Any, name: str, field: Any) -> Element:
    from fhir_core.utils import get_fhir_type_name, is_list_type

    schema = field.json_schema_extra or {}
    type_ = get_fhir_type_name(field, _MODEL_PREFIX)
    codes = _binding_codes(model, name, schema) if type_ == "code" else frozenset()
    return Element(schema.get("one_of_many", name), type_, is_list_type(field), codes)


def _binding_codes(model: Any, name: str, schema: Mapping[str, Any]) -> frozenset[str]:
    """Codes of a required binding: from BINDING_CODES if the models shorten them."""
    r4_codes = (BINDING_CODES.get(f"{base.__name__}.{name}") for base in model.__mro__)
    model_codes = frozenset(schema.get("enum_values", ()))
    return next((codes for codes in r4_codes if codes is not None), model_codes)


def _required_names(model: Any, fields: Mapping[str, Any]) -> Iterator[str]:
    primitives = {name for name, _ in model.model_construct().get_required_fields()}
    for name, field in fields.items():
        schema = field.json_schema_extra or {}
        if field.is_required() or name in primitives or schema.get("one_of_many_required"):
            yield name
