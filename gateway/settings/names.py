"""Names of settings, derived from the pydantic models.

A name is a tuple of segments: `("sites", "<guid>", "time_zone")` is `sites.<guid>.time_zone` in a file and
`HALO_GATEWAY_SITES__<GUID>__TIME_ZONE` in the environment. A type is the annotation of a field.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

SettingName = tuple[str, ...]
#: Table or list of sections -> placeholder for its keys.
KEY_PLACEHOLDERS: Final = {
    "sites": "<guid>",
    "apps": "<name>",
    "upstreams": "<name>",
    "receivers": "<name>",
    "callers": "<digits>",
    "rules": "[]",
}

#: A GUID in lower case, with the hyphens of a file or, as shells can export it, with underscores.
GUID_PATTERN: Final = re.compile(r"[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}")


def all_names(annotation: Any, key: str = "<key>") -> Iterator[SettingName]:
    """Yield every name below a type, sections before their settings. `key` is the placeholder for keys."""
    for segment, inner in child_segments(annotation, key):
        yield (segment,)
        yield from ((segment, *name) for name in all_names(inner, KEY_PLACEHOLDERS.get(segment, "<key>")))


def child_segments(annotation: Any, key: str = "<key>") -> list[tuple[str, Any]]:
    """Return the segments directly below a type, with their types. `key` is the placeholder for keys."""
    section, inner = _section_type(annotation), item_section(annotation)
    if section:
        return [(name, field.annotation) for name, field in section.model_fields.items()]
    return [(key, inner)] if inner else []


def longest_known_prefix(annotation: Any, name: SettingName) -> SettingName:
    """Return the longest prefix of a name that exists."""
    for length, segment in enumerate(name):
        annotation = _child_type(annotation, segment)
        if annotation is None:
            return name[:length]
    return name


def setting_exists(annotation: Any, name: SettingName) -> bool:
    """Whether a setting, section or table has this name."""
    return longest_known_prefix(annotation, name) == name


def type_of(annotation: Any, name: SettingName) -> Any:
    """Return the type of a name that exists."""
    for segment in name:
        annotation = _child_type(annotation, segment)
    return annotation


def item_section(annotation: Any) -> type[BaseModel] | None:
    """Return the section type in a table or list of sections; None for any other type."""
    for shape in _union_members(annotation):
        if get_origin(shape) in {dict, tuple}:
            return next(filter(None, map(_section_type, get_args(shape))), None)
    return None


def _child_type(annotation: Any, segment: str) -> Any:
    """Return the type of a field, of a table's value or of a list's item; None if it does not exist."""
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
        member
        for member in _union_members(annotation)
        if isinstance(member, type) and issubclass(member, BaseModel)
    )
    return next(sections, None)


def _union_members(annotation: Any) -> tuple[Any, ...]:
    """Return a type and, if it is a union, its members."""
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
