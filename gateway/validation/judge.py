"""Validator of R4 resources: JSON text -> ValidationResult.

It walks the JSON along the definitions, so that it finds all errors in time linear in the text and writes
its own messages.
"""

from typing import Any, NamedTuple

from gateway.validation.definitions import Definition, Element, resource_definition, type_definition
from gateway.validation.finding import Finding, Severity, ValidationResult
from gateway.validation.json_text import NotJsonError, ObjectWithDuplicates, decode_json
from gateway.validation.primitives import primitive_error
from gateway.validation.r4 import UNCHECKED_TYPES
from gateway.validation.rules import BATCH_OR_TRANSACTION, invariant_violations

#: Findings listed in a result; further errors are counted.
MAX_FINDINGS = 50
#: Nested objects in a resource; limits recursion.
MAX_DEPTH = 64
#: Codes listed in a message.
_MAX_LISTED_CODES = 12
#: Start of a path without a known resource type.
_ROOT_PATH = "Resource"
_EMPTY_MESSAGE = "is empty: leave it out, or give it content"
_NULL_MESSAGE = "is null: leave it out, or give it a value"


class ExpectedBody(NamedTuple):
    """Body that a URL expects (R4 http.html): type, an update's id, whether a batch or transaction."""

    type: str
    id: str = ""
    is_batch_or_transaction: bool = False


def validate_resource(text: bytes, expected_body: ExpectedBody | None = None) -> ValidationResult:
    """Validate a JSON text as one R4 resource. Raises MissingExtraError."""
    try:
        value = decode_json(text)
    except NotJsonError as error:
        return ValidationResult((Finding(_ROOT_PATH, "structure", str(error)),))
    validator = _Validator()
    validator.check_resource(value, "", 1)
    if expected_body and isinstance(value, dict) and value.get("resourceType"):
        validator.check_against_url(value, expected_body)
    return ValidationResult(tuple(validator.findings), validator.unlisted_errors)


class _Validator:
    """One walk through a resource; `unlisted_errors` counts the errors after MAX_FINDINGS findings."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.unlisted_errors = 0

    def add_finding(
        self, path: str, code: str, message: str, severity: Severity = "error", name: str = ""
    ) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(path, code, message, severity, name))
        else:
            self.unlisted_errors += severity == "error"

    def check_against_url(self, value: dict[str, Any], expected_body: ExpectedBody) -> None:
        """Check a body against its URL."""
        type_ = expected_body.type
        definition = resource_definition(value["resourceType"])
        if value["resourceType"] != type_:
            path = definition.type if definition else _ROOT_PATH
            self.add_finding(path, "structure", f"is not {type_}, the type for this URL: change one of them")
        elif expected_body.id and value.get("id") != expected_body.id:
            self.add_finding(f"{type_}.id", "value", "is not the id in the URL: an update requires equal ids")
        elif expected_body.is_batch_or_transaction and value.get("type") not in BATCH_OR_TRANSACTION:
            self.add_finding("Bundle.type", "value", "is not batch or transaction, the types for this URL")

    def check_resource(self, value: Any, path: str, depth: int) -> None:
        """Check a resource against the definition of its resourceType."""
        if not isinstance(value, dict):
            self.add_finding(path or _ROOT_PATH, "structure", "is not a JSON object: write one resource")
            return
        type_ = value.get("resourceType")
        definition = resource_definition(type_)
        if definition:
            self.check_object(definition, value, path or definition.type, depth)
        elif isinstance(type_, str) and type_ in UNCHECKED_TYPES:
            self.add_finding(
                path or type_, "informational", "is not checked: it has no definition", "information"
            )
        elif type_ is None:
            self.add_finding(
                path or _ROOT_PATH, "required", "has no resourceType: add the type of the resource"
            )
        else:
            self.add_finding(
                path or _ROOT_PATH, "structure", "has a resourceType unknown to R4: check its spelling"
            )

    def check_object(self, definition: Definition, value: Any, path: str, depth: int) -> None:
        """Check an object against its definition."""
        if not isinstance(value, dict):
            self.add_finding(path, "structure", "is not a JSON object")
        elif not value:
            self.add_finding(path, "structure", _EMPTY_MESSAGE)
        elif depth > MAX_DEPTH:
            self.add_finding(path, "structure", f"is nested too deeply: nest at most {MAX_DEPTH} objects")
        else:
            self._check_members(definition, value, path, depth)

    def _check_members(self, definition: Definition, value: dict[str, Any], path: str, depth: int) -> None:
        if isinstance(value, ObjectWithDuplicates):
            self.add_finding(path, "structure", "has a name twice: write each member of an object once")
        for name, inner in value.items():
            element = definition.elements.get(name)
            if element:
                self._check_element(
                    element, inner, f"{path}.{element.name}", depth, _sibling_array(value, name)
                )
            elif name != "resourceType" or not definition.is_resource:
                self.add_finding(path, "structure", "has an element that R4 does not define here", name=name)
        self._check_presence(definition, value, path)
        for below, message in invariant_violations(definition.type, value):
            self.add_finding(path + below, "invariant", message)

    def _check_presence(self, definition: Definition, value: dict[str, Any], path: str) -> None:
        for name, members in definition.choices.items():
            if sum(_is_present(value, member) for member in members) > 1:
                self.add_finding(f"{path}.{name}", "structure", "has more than one type: keep one")
        for name, members in definition.required_elements.items():
            if not any(_is_present(value, member) for member in members):
                self.add_finding(f"{path}.{name}", "required", "is missing: R4 requires it here")

    def _check_element(self, element: Element, value: Any, path: str, depth: int, sibling: list[Any]) -> None:
        if value is None:
            self.add_finding(path, "structure", _NULL_MESSAGE)
        elif element.is_list != isinstance(value, list):
            message = "repeats: write an array" if element.is_list else "does not repeat: write no array"
            self.add_finding(path, "structure", message)
        elif not element.is_list:
            self._check_value(element, value, path, depth)
        elif not value:
            self.add_finding(path, "structure", _EMPTY_MESSAGE)
        else:
            for index, item in enumerate(value):
                self._check_item(element, item, f"{path}[{index}]", depth, sibling[index : index + 1])

    def _check_item(
        self, element: Element, value: Any, path: str, depth: int, counterpart: list[Any]
    ) -> None:
        """Check an item; null is allowed where value or extension is absent (R4 json.html#primitive)."""
        if value is not None:
            self._check_value(element, value, path, depth)
        elif counterpart == [] or (counterpart == [None] and element.is_primitive):
            self.add_finding(path, "structure", _NULL_MESSAGE)

    def _check_value(self, element: Element, value: Any, path: str, depth: int) -> None:
        if element.type == "Resource":
            self.check_resource(value, path, depth + 1)
        elif not element.is_primitive:
            self.check_object(type_definition(element.type), value, path, depth + 1)
        elif message := primitive_error(element.type, value):
            self.add_finding(path, "value", message)
        elif element.codes and value not in element.codes:
            self.add_finding(path, "code-invalid", _unknown_code_message(element.codes))


def _sibling_array(value: dict[str, Any], name: str) -> list[Any]:
    """Array of the extensions of a primitive's array, or vice versa."""
    sibling = value.get(name[1:] if name.startswith("_") else f"_{name}")
    return sibling if isinstance(sibling, list) else []


def _is_present(value: dict[str, Any], name: str) -> bool:
    return name in value or f"_{name}" in value


def _unknown_code_message(codes: frozenset[str]) -> str:
    listed = sorted(codes)[:_MAX_LISTED_CODES]
    return f"is none of the codes of R4: {', '.join(listed)}{', …' if len(codes) > _MAX_LISTED_CODES else ''}"
