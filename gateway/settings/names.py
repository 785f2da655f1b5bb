"""Names of settings, out of the models.

A name is a tuple of segments: `("sites", "<guid>", "time_zone")` is `sites.<guid>.time_zone` in a file and
`HALO_GATEWAY_SITES__<GUID>__TIME_ZONE` in the environment. A type is what a field is annotated with.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

SettingName = tuple[str, ...]
#: Table or list of sections -> what stands for one of its keys.
KEY_PLACEHOLDERS: Final = {"sites": "<guid>", "upstreams": "<name>", "callers": "<digits>", "rules": "[]"}

#: A GUID in lower case, with the hyphens of a file or, as shells can export it, with underscores.
GUID_PATTERN: Final = re.compile(r"[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}")


def all_names(annotation: Any, key: str = "<key>") -> Iterator[SettingName]:
    """Every name below a type, sections before what is in them; `key` stands for any key of a table."""
    for segment, inner in child_segments(annotation, key):
        yield (segment,)
        yield from ((segment, *each) for each in all_names(inner, KEY_PLACEHOLDERS.get(segment, "<key>")))


def child_segments(annotation: Any, key: str = "<key>") -> list[tuple[str, Any]]:
    """What stands directly below a type, with the type of each; `key` stands for any key of a table."""
    section, inner = _section_type(annotation), item_section(annotation)
    if section:
        return [(name, field.annotation) for name, field in section.model_fields.items()]
    return [(key, inner)] if inner else []


def longest_known_prefix(annotation: Any, name: SettingName) -> SettingName:
    """The longest beginning of a name that exists."""
    for length, segment in enumerate(name):
        annotation = _child_type(annotation, segment)
        if annotation is None:
            return name[:length]
    return name


def setting_exists(annotation: Any, name: SettingName) -> bool:
    """Whether a name is that of a setting, a section or a table."""
    return longest_known_prefix(annotation, name) == name


def type_of(annotation: Any, name: SettingName) -> Any:
    """The type of a name that exists."""
    for segment in name:
        annotation = _child_type(annotation, segment)
    return annotation


def item_section(annotation: Any) -> type[BaseModel] | None:
    """The section that a table or list of sections holds; None for any other type."""
    for shape in _union_members(annotation):
        if get_origin(shape) in {dict, tuple}:
            return next((each for each in map(_section_type, get_args(shape)) if each), None)
    return None


def _child_type(annotation: Any, segment: str) -> Any:
    """The type of a field, or below a key or number; None where there is none."""
    section = _section_type(annotation)
    if section:
        field = section.model_fields.get(segment)
        return field and field.annotation
    for shape in _union_members(annotation):
        if get_origin(shape) is dict:
            key, inner = get_args(shape)
            return inner if _is_valid_key(key, segment) else None
    return item_section(annotation) if segment.isdecimal() else None


def _section_type(annotation: Any) -> type[BaseModel] | None:
    sections = (
        each for each in _union_members(annotation) if isinstance(each, type) and issubclass(each, BaseModel)
    )
    return next(sections, None)


def _union_members(annotation: Any) -> tuple[Any, ...]:
    """A type and, where it is a union, its members."""
    return (annotation,) if get_origin(annotation) in {dict, tuple} else (annotation, *get_args(annotation))


def _is_valid_key(key: Any, segment: str) -> bool:
    try:
        _key_adapter(key).validate_python(segment)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=64)
def _key_adapter(key: Any) -> TypeAdapter[Any]:
    return TypeAdapter(key)
