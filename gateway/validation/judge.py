"""Judge of R4 resources: JSON text -> Verdict.

Walks the JSON by the definitions, so that it finds everything that is wrong in time linear in the text, and
every message is its own.
"""

from typing import Any, NamedTuple

from gateway.validation.definitions import Definition, Element, definition, resource
from gateway.validation.finding import Finding, Severity, Verdict
from gateway.validation.json_text import NotJsonError, Repeated, decoded
from gateway.validation.primitives import problem
from gateway.validation.r4 import UNCHECKED
from gateway.validation.rules import CARRIED_OUT, broken

#: Findings that a verdict lists.
MOST = 50
#: Objects within one another.
DEEPEST = 64
#: Codes that a message lists.
_LISTED = 12
#: Where a text has no resource type to begin a path with.
_ROOT = "Resource"
_EMPTY = "is empty: leave it out, or give it content"
_NULL = "is null: leave it out, or give it a value"


class Expected(NamedTuple):
    """What a URL says of its body (R4 http.html): type, an update's id, whether a Bundle is carried out."""

    type: str
    id: str = ""
    carried_out: bool = False


def judged(text: bytes, expected: Expected | None = None) -> Verdict:
    """What is wrong with a JSON text as one R4 resource. Raises MissingExtraError."""
    try:
        value = decoded(text)
    except NotJsonError as no:
        return Verdict((Finding(_ROOT, "structure", str(no)),))
    judge = _Judge()
    judge.resource(value, "", 1)
    if expected and isinstance(value, dict) and value.get("resourceType"):
        judge.fit(value, expected)
    return Verdict(tuple(judge.findings), judge.more)


class _Judge:
    """One walk through one resource; `more` counts the errors beyond the findings it keeps."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.more = 0

    def note(self, path: str, code: str, message: str, severity: Severity = "error", name: str = "") -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(path, code, message, severity, name))
        else:
            self.more += severity == "error"

    def fit(self, value: dict[str, Any], expected: Expected) -> None:
        """Judge a body by its URL."""
        type_ = expected.type
        found = resource(value["resourceType"])
        if value["resourceType"] != type_:
            path = found.type if found else _ROOT
            self.note(path, "structure", f"is not {type_}, which this URL takes: change one of them")
        elif expected.id and value.get("id") != expected.id:
            self.note(f"{type_}.id", "value", "is not the id in the URL: an update needs both to be equal")
        elif expected.carried_out and value.get("type") not in CARRIED_OUT:
            self.note("Bundle.type", "value", "is not batch or transaction, which this URL carries out")

    def resource(self, value: Any, path: str, depth: int) -> None:
        """Judge a resource by the type it names."""
        if not isinstance(value, dict):
            self.note(path or _ROOT, "structure", "is not a JSON object: write one resource")
            return
        type_ = value.get("resourceType")
        found = resource(type_)
        if found:
            self.object(found, value, path or found.type, depth)
        elif isinstance(type_, str) and type_ in UNCHECKED:
            self.note(
                path or type_, "informational", "is not checked: there is no model of it", "information"
            )
        elif type_ is None:
            self.note(path or _ROOT, "required", "has no resourceType: name the type of the resource")
        else:
            self.note(path or _ROOT, "structure", "has a resourceType unknown to R4: check its spelling")

    def object(self, known: Definition, value: Any, path: str, depth: int) -> None:
        """Judge an object by its definition."""
        if not isinstance(value, dict):
            self.note(path, "structure", "is not a JSON object")
        elif not value:
            self.note(path, "structure", _EMPTY)
        elif depth > DEEPEST:
            self.note(path, "structure", f"is nested too deeply: at most {DEEPEST} objects in one another")
        else:
            self._members(known, value, path, depth)

    def _members(self, known: Definition, value: dict[str, Any], path: str, depth: int) -> None:
        if isinstance(value, Repeated):
            self.note(path, "structure", "holds a name twice: write each member of an object once")
        for name, inner in value.items():
            element = known.elements.get(name)
            if element:
                self._element(element, inner, f"{path}.{element.name}", depth, _sibling(value, name))
            elif name != "resourceType" or not known.is_resource:
                self.note(path, "structure", "holds an element that R4 does not know here", name=name)
        self._presence(known, value, path)
        for below, message in broken(known.type, value):
            self.note(path + below, "invariant", message)

    def _presence(self, known: Definition, value: dict[str, Any], path: str) -> None:
        for name, members in known.choices.items():
            if sum(_present(value, each) for each in members) > 1:
                self.note(f"{path}.{name}", "structure", "is there with more than one type: keep one")
        for name, members in known.required.items():
            if not any(_present(value, each) for each in members):
                self.note(f"{path}.{name}", "required", "is missing: R4 requires it here")

    def _element(self, element: Element, value: Any, path: str, depth: int, sibling: list[Any]) -> None:
        if value is None:
            self.note(path, "structure", _NULL)
        elif element.many != isinstance(value, list):
            wanted = "repeats: write an array" if element.many else "does not repeat: write no array"
            self.note(path, "structure", wanted)
        elif not element.many:
            self._value(element, value, path, depth)
        elif not value:
            self.note(path, "structure", _EMPTY)
        else:
            for index, each in enumerate(value):
                self._item(element, each, f"{path}[{index}]", depth, sibling[index : index + 1])

    def _item(self, element: Element, value: Any, path: str, depth: int, other: list[Any]) -> None:
        """Judge an item; null holds the place where value or extension is absent (R4 json.html#primitive)."""
        if value is not None:
            self._value(element, value, path, depth)
        elif other == [] or (other == [None] and element.primitive):
            self.note(path, "structure", _NULL)

    def _value(self, element: Element, value: Any, path: str, depth: int) -> None:
        if element.type == "Resource":
            self.resource(value, path, depth + 1)
        elif not element.primitive:
            self.object(definition(element.type), value, path, depth + 1)
        elif wrong := problem(element.type, value):
            self.note(path, "value", wrong)
        elif element.codes and value not in element.codes:
            self.note(path, "code-invalid", _none_of(element.codes))


def _sibling(value: dict[str, Any], name: str) -> list[Any]:
    """The array beside a primitive's that holds its extensions, or the other way round."""
    other = value.get(name[1:] if name.startswith("_") else f"_{name}")
    return other if isinstance(other, list) else []


def _present(value: dict[str, Any], name: str) -> bool:
    return name in value or f"_{name}" in value


def _none_of(codes: frozenset[str]) -> str:
    listed = sorted(codes)[:_LISTED]
    return f"is none of the codes of R4: {', '.join(listed)}{', …' if len(codes) > _LISTED else ''}"
