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
#: What this version of the models calls R4B in its table of types.
_MODEL_PREFIX = "R4."


class Element(NamedTuple):
    """One JSON member of a type: its name in FHIRPath, its type, whether it repeats, which codes it takes."""

    name: str
    type: str
    is_list: bool = False
    codes: frozenset[str] = frozenset()

    @property
    def is_primitive(self) -> bool:
        """Whether its values are no objects."""
        return self.type in PRIMITIVES


class Definition(NamedTuple):
    """One type: its members by JSON name, and its choices and required elements by FHIRPath name.

    Of the JSON names of a choice one may be there, of those of a required element one has to.
    """

    type: str
    elements: Mapping[str, Element]
    choices: Mapping[str, tuple[str, ...]]
    required_elements: Mapping[str, tuple[str, ...]]

    @property
    def is_resource(self) -> bool:
        """Whether its JSON names it."""
        return "implicitRules" in self.elements


def resource_definition(type_: object) -> Definition | None:
    """The definition of a resource type that R4 has and that can be checked. Raises MissingExtraError."""
    if not isinstance(type_, str) or type_ in R4B_ONLY_TYPES | UNCHECKED_TYPES | _ABSTRACT_TYPES:
        return None
    require_extra("validation")
    try:
        model = _model_class(type_)
    except ValueError:
        return None
    return type_definition(type_) if model.has_resource_base() else None


@cache  # as many as there are models
def type_definition(type_: str) -> Definition:
    """The definition of a type by its model's name (`Patient`, `PatientContact`, `HumanName`)."""
    model = _model_class(type_)
    names: dict[str, str] = model.get_alias_mapping()
    fields = {
        name: model.model_fields[key] for name, key in names.items() if name not in _elements_not_in_r4(type_)
    }
    elements = {name: _element_definition(model, name, field) for name, field in fields.items()}
    elements |= {name: Element(*what) for name, what in R4_ONLY_ELEMENTS.get(type_, {}).items()}
    siblings = {
        f"_{name}": each._replace(type="Element", codes=frozenset())
        for name, each in elements.items()
        if each.is_primitive
    }
    choices: dict[str, tuple[str, ...]] = {}
    for name, each in elements.items():
        choices[each.name] = (*choices.get(each.name, ()), name)
    needs = {elements[name].name for name in _required_names(model, fields)}
    several = {name: members for name, members in choices.items() if len(members) > 1}
    required = {name: choices[name] for name in choices if name in needs}
    return Definition(type_, elements | siblings, several, required)


def _elements_not_in_r4(type_: str) -> frozenset[str]:
    return R4B_ONLY_ELEMENTS.get(type_, frozenset())


def _model_class(type_: str) -> Any:
    """The model of that name. Raises ValueError where there is none."""
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(type_)


def _element_definition(model: Any, name: str, field: Any) -> Element:
    from fhir_core.utils import get_fhir_type_name, is_list_type

    about = field.json_schema_extra or {}
    type_ = get_fhir_type_name(field, _MODEL_PREFIX)
    codes = _binding_codes(model, name, about) if type_ == "code" else frozenset()
    return Element(about.get("one_of_many", name), type_, is_list_type(field), codes)


def _binding_codes(model: Any, name: str, about: Mapping[str, Any]) -> frozenset[str]:
    """The codes of a required binding: R4's own where the models have them shortened."""
    own = (BINDING_CODES.get(f"{each.__name__}.{name}") for each in model.__mro__)
    listed = frozenset(about.get("enum_values", ()))
    return next((codes for codes in own if codes is not None), listed)


def _required_names(model: Any, fields: Mapping[str, Any]) -> Iterator[str]:
    primitives = {name for name, _ in model.model_construct().get_required_fields()}
    for name, field in fields.items():
        about = field.json_schema_extra or {}
        if field.is_required() or name in primitives or about.get("one_of_many_required"):
            yield name
