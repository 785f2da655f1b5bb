"""Resources as one base shows them: absolute URLs on the server's own host, and STU3's elements."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.emulator.health_gorilla.data import RESOURCE_TYPES, Resource
from gateway.emulator.health_gorilla.settings import Version

_ORIGIN = "{origin}"


class Base(NamedTuple):
    """A FHIR base: origin of the server, version of FHIR, and the function that makes a download link."""

    origin: str
    version: Version
    download_url: Callable[[str], str]

    @property
    def url(self) -> str:
        """URL of the base, without a slash at its end."""
        return self.origin + ("/fhir/R4" if self.version == "R4" else "/fhir")


def render(resource: Resource, base: Base) -> Resource:
    """Return a copy of a resource with absolute URLs, in the version of the base."""
    shown: Resource = _absolute(resource, base)
    return _as_stu3(shown) if base.version == "STU3" else shown


def to_stored(value: Any, origin: str) -> Any:
    """Return a copy of a client's resource with relative references, as the tables hold them."""
    if isinstance(value, dict):
        return {
            name: _relative(item, origin) if name == "reference" else to_stored(item, origin)
            for name, item in value.items()
        }
    return [to_stored(item, origin) for item in value] if isinstance(value, list) else value


def _relative(reference: Any, origin: str) -> Any:
    if not isinstance(reference, str):
        return reference
    for base in (f"{origin}/fhir/R4/", f"{origin}/fhir/"):
        if reference.startswith(base):
            return reference.removeprefix(base)
    return reference


def _absolute(value: Any, base: Base, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _absolute(item, base, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_absolute(item, base, name) for item in value]
    return _absolute_text(value, base, name) if isinstance(value, str) else value


def _absolute_text(text: str, base: Base, name: str) -> str:
    if name == "reference" and text.partition("/")[0] in RESOURCE_TYPES:
        return f"{base.url}/{text}"
    if name == "url" and text.startswith("binary:"):
        return f"{base.url}/Binary/{text.removeprefix('binary:')}"
    if name == "url" and text.startswith("download:"):
        return base.download_url(text.removeprefix("download:"))
    return text.replace(_ORIGIN, base.origin)


def _as_stu3(resource: Resource) -> Resource:
    changes = _STU3_ELEMENTS.get(resource["resourceType"], {})
    renamed = {changes.get(name, name): value for name, value in resource.items()}
    for name in _STU3_SINGLE.get(resource["resourceType"], ()):
        if name in renamed:
            renamed[name] = renamed[name][0]
    return renamed


#: Elements of R4 -> of STU3.
_STU3_ELEMENTS = {
    "DocumentReference": {"date": "indexed", "category": "class"},
    "Binary": {"data": "content"},
}
#: Elements that repeat in R4 only, by their names in STU3.
_STU3_SINGLE = {"DocumentReference": ("class",), "DiagnosticReport": ("category",)}
