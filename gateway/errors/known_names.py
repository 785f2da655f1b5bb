"""Names that are public: of R4, of types of databases and .NET, and identifiers of technical words."""

import re

from gateway.dates.registry import parameter_codes
from gateway.errors.error_words import SQL_TYPES, VOCABULARY, is_technical_name
from gateway.fhir.element_names import ELEMENT_NAMES
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import RESULT_PARAMETERS

_PATH = re.compile(r"(?P<type>[A-Z][A-Za-z]+)(?P<steps>(?:\.[A-Za-z][A-Za-z0-9]*|\[\d{1,3}\])+)", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:(?:[-_./:#+]|::)[A-Za-z]+)*", re.ASCII)
_NAMES = ELEMENT_NAMES | parameter_codes() | RESULT_PARAMETERS
_NAME_AND_MODIFIER = re.compile(
    r"(?P<name>[\w-]{1,40})(?::(?:exact|contains|missing|not|text|in|not-in|above|below|identifier|of-type))?",
    re.ASCII,
)


def is_known_name(text: str) -> bool:
    """Whether a text is a name of R4 or of a type, without a client's data: `birthDate`, `Patient.name`."""
    name = _NAME_AND_MODIFIER.fullmatch(text)
    is_type = text in RESOURCE_TYPES or text.lower() in SQL_TYPES or _is_system_type(text)
    return is_type or _is_element_path(text) or (name is not None and name["name"] in _NAMES)


def _is_element_path(text: str) -> bool:
    """Whether a text is a path of elements from a resource type: `Patient.name[0].given`."""
    path = _PATH.fullmatch(text)
    steps = re.sub(r"\[\d+\]", "", path["steps"]).split(".") if path else ()
    return (
        path is not None and path["type"] in RESOURCE_TYPES and ELEMENT_NAMES.issuperset(filter(None, steps))
    )


def _is_system_type(text: str) -> bool:
    """Whether a text is a .NET type: `System.Byte[]`."""
    name = text.removesuffix("[]")
    return name.startswith("System.") and _is_compound(name)


def is_identifier(text: str) -> bool:
    """Whether a text is an identifier of technical words: `wrong_parameter`, `QueryResultsTooLarge`."""
    name = text.strip("_")
    return text not in VOCABULARY and _is_compound(name)


def _is_compound(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None and is_technical_name(text)
