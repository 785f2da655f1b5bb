"""Nearest existing name to a misspelt name of a setting."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from gateway.settings.names import (
    GUID_PATTERN,
    KEY_PLACEHOLDERS,
    SettingName,
    all_names,
    child_segments,
    item_section,
    longest_known_prefix,
    setting_exists,
    type_of,
)
from gateway.settings.spelling import edit_distance

_GUID_PLACEHOLDER: Final = KEY_PLACEHOLDERS["sites"]
_DEFAULT_KEY: Final = "default"
#: Minimum similarity (ratio of difflib): of two names of one segment each, and of other names.
_MIN_SEGMENT_SIMILARITY, _MIN_NAME_SIMILARITY = 0.7, 0.8
#: Maximum number of characters of a misspelt name that are compared.
_MAX_COMPARED: Final = 120


def nearest_name(model: Any, name: SettingName, separator: str) -> SettingName | None:
    """Return the name below a model that is most similar to a misspelt one; None if none is similar.

    `separator` joins the segments of the misspelt name: `.` in a file, `__` in a variable.
    """
    known = longest_known_prefix(model, name)
    rest, kind = name[len(known) :], type_of(model, known)
    if not any(all_names(kind)):
        return known
    nearest = (
        _match_by_segments(kind, rest)
        or _most_similar(_candidate_names(kind, rest, known), rest, separator)
        or _with_corrected_key(kind, rest, known, separator)
        or _match_by_ending(kind, rest, separator)
        or _match_by_words(kind, rest)
    )
    return known + nearest if nearest else _match_by_ending(model, rest, separator)


def _match_by_segments(kind: Any, rest: SettingName) -> SettingName | None:
    """Return the name whose segments differ from the misspelt ones by the fewest typing errors."""
    _, name = min(_similar_names(kind, rest), key=lambda candidate: candidate[0], default=(0, None))
    return name


def _similar_names(kind: Any, rest: SettingName) -> Iterator[tuple[int, SettingName]]:
    """Yield similar names with their number of typing errors."""
    if not rest or not any(all_names(kind)):
        yield 0, ()
        return
    for segment, inner in _next_segments(kind, rest[0]):
        errors = edit_distance(segment, rest[0])
        if errors <= max(1, len(segment) // 3):
            yield from ((errors + more, (segment, *below)) for more, below in _similar_names(inner, rest[1:]))


def _next_segments(kind: Any, written_segment: str) -> Iterator[tuple[str, Any]]:
    """Yield the segments that may come next, with their types; of a table the written key, if it is valid."""
    for key in (written_segment, written_segment.lower()):
        if setting_exists(kind, (key,)):
            yield key, type_of(kind, (key,))
            return
    for segment, inner in child_segments(kind):
        yield _DEFAULT_KEY if setting_exists(kind, (_DEFAULT_KEY,)) else segment, inner


def _candidate_names(kind: Any, rest: SettingName, prefix: SettingName) -> Iterator[SettingName]:
    """Yield the names below a type, with the written keys where these are valid."""
    for name in all_names(kind, KEY_PLACEHOLDERS.get((prefix or ("",))[-1], "<key>")):
        written = (*rest, *name[len(rest) :])
        filled = tuple(new if key[0] in "<[" else key for key, new in zip(name, written, strict=False))
        yield filled if setting_exists(kind, filled) else name
        yield tuple(_DEFAULT_KEY if key == _GUID_PLACEHOLDER else key for key in name)


def _with_corrected_key(
    kind: Any, rest: SettingName, prefix: SettingName, separator: str
) -> SettingName | None:
    """Return the name with a placeholder for its key, if the type is a table of sections; else None."""
    section = item_section(kind)
    if section is None:
        return None
    inner = rest[1:] if setting_exists(section, rest[1:]) else nearest_name(section, rest[1:], separator)
    return (KEY_PLACEHOLDERS[prefix[-1]], *(inner or ()))


def _match_by_ending(kind: Any, rest: SettingName, separator: str) -> SettingName | None:
    """Return the shortest name below a type whose last segments are similar to the misspelt ones."""
    names = sorted(all_names(kind), key=lambda name: (-len(name), name))
    names_by_ending = {name[-length:]: name for name in names for length in range(1, len(name))}
    ending = _most_similar(names_by_ending, rest, separator)
    return names_by_ending.get(ending) if ending else None


def _match_by_words(kind: Any, rest: SettingName) -> SettingName | None:
    """Return the only setting of a section whose name has all the written words, and more."""
    words = set(rest[0].lower().split("_"))
    matches = [segment for segment, _ in child_segments(kind) if words < set(segment.split("_"))]
    return (matches[0],) if len(rest) == 1 and len(matches) == 1 else None


def _most_similar(candidates: Iterable[SettingName], name: SettingName, separator: str) -> SettingName | None:
    misspelt = GUID_PATTERN.sub(_GUID_PLACEHOLDER, separator.join(name)[:_MAX_COMPARED].lower())
    matcher = SequenceMatcher(b=misspelt, autojunk=False)
    best, best_ratio = None, 0.0
    for candidate in candidates:
        minimum = _MIN_SEGMENT_SIMILARITY if len(candidate) == len(name) == 1 else _MIN_NAME_SIMILARITY
        matcher.set_seq1(GUID_PATTERN.sub(_GUID_PLACEHOLDER, separator.join(candidate).lower()))
        required = max(best_ratio, minimum)
        if matcher.quick_ratio() >= required and matcher.ratio() >= required and matcher.ratio() > best_ratio:
            best, best_ratio = candidate, matcher.ratio()
    return best
