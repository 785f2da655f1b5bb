"""Nearest right name to a misspelt one."""

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
#: How much of two names must be alike (difflib): of one segment each, and of any other names.
_MIN_SEGMENT_SIMILARITY, _MIN_NAME_SIMILARITY = 0.7, 0.8
#: Characters of a misspelt name that are compared.
_MAX_COMPARED: Final = 120


def nearest_name(model: Any, name: SettingName, separator: str) -> SettingName | None:
    """The name below a model that is most like a misspelt one; None where none is alike.

    `joint` is what joins the segments where the name was written.
    """
    known = longest_known_prefix(model, name)
    rest, kind = name[len(known) :], type_of(model, known)
    if not any(all_names(kind)):
        return known
    found = (
        _match_by_segments(kind, rest)
        or _most_similar(_candidate_names(kind, rest, known), rest, separator)
        or _with_corrected_key(kind, rest, known, separator)
        or _match_by_ending(kind, rest, separator)
        or _match_by_words(kind, rest)
    )
    return known + found if found else _match_by_ending(model, rest, separator)


def _match_by_segments(kind: Any, rest: SettingName) -> SettingName | None:
    """The name each segment of which differs from the one that was written by slips of the pen."""
    found = sorted(_similar_names(kind, rest), key=lambda each: each[0])
    return found[0][1] if found else None


def _similar_names(kind: Any, rest: SettingName) -> Iterator[tuple[int, SettingName]]:
    """Names that were perhaps meant, with the number of slips."""
    if not rest or not any(all_names(kind)):
        yield 0, ()
        return
    for segment, inner in _next_segments(kind, rest[0]):
        slips = edit_distance(segment, rest[0])
        if slips <= max(1, len(segment) // 3):
            yield from ((slips + more, (segment, *below)) for more, below in _similar_names(inner, rest[1:]))


def _next_segments(kind: Any, written_segment: str) -> Iterator[tuple[str, Any]]:
    """The segments that may come next, with their types; of a table the key as written, if it is one."""
    for key in (written_segment, written_segment.lower()):
        if setting_exists(kind, (key,)):
            yield key, type_of(kind, (key,))
            return
    for segment, each in child_segments(kind):
        right = _DEFAULT_KEY if setting_exists(kind, (_DEFAULT_KEY,)) else segment
        yield right, each


def _candidate_names(kind: Any, rest: SettingName, prefix: SettingName) -> Iterator[SettingName]:
    """The names below a type, with the keys that were written where those are keys."""
    for each in all_names(kind, KEY_PLACEHOLDERS.get((prefix or ("",))[-1], "<key>")):
        written = (*rest, *each[len(rest) :])
        filled = tuple(new if key[0] in "<[" else key for key, new in zip(each, written, strict=False))
        yield filled if setting_exists(kind, filled) else each
        yield tuple(_DEFAULT_KEY if key == _GUID_PLACEHOLDER else key for key in each)


def _with_corrected_key(
    kind: Any, rest: SettingName, prefix: SettingName, separator: str
) -> SettingName | None:
    """The rest with a right key, where the type is a table of sections and the key is what is wrong."""
    section = item_section(kind)
    if section is None:
        return None
    inner = rest[1:] if setting_exists(section, rest[1:]) else nearest_name(section, rest[1:], separator)
    return (KEY_PLACEHOLDERS[prefix[-1]], *(inner or ()))


def _match_by_ending(kind: Any, rest: SettingName, separator: str) -> SettingName | None:
    """The shortest name below a type whose last segments are like those that were written."""
    whole = sorted(all_names(kind), key=lambda each: (-len(each), each))
    ends = {each[-length:]: each for each in whole for length in range(1, len(each))}
    found = _most_similar(ends, rest, separator)
    return ends.get(found) if found else None


def _match_by_words(kind: Any, rest: SettingName) -> SettingName | None:
    """The only setting of a section whose name has all words that were written, and more."""
    words = set(rest[0].lower().split("_"))
    found = [segment for segment, _ in child_segments(kind) if words < set(segment.split("_"))]
    return (found[0],) if len(rest) == 1 and len(found) == 1 else None


def _most_similar(candidates: Iterable[SettingName], name: SettingName, separator: str) -> SettingName | None:
    shown = GUID_PATTERN.sub(_GUID_PLACEHOLDER, separator.join(name)[:_MAX_COMPARED].lower())
    matcher = SequenceMatcher(b=shown, autojunk=False)
    best, most = None, 0.0
    for each in candidates:
        least = max(most, _MIN_SEGMENT_SIMILARITY if len(each) == len(name) == 1 else _MIN_NAME_SIMILARITY)
        matcher.set_seq1(GUID_PATTERN.sub(_GUID_PLACEHOLDER, separator.join(each).lower()))
        if matcher.quick_ratio() >= least and matcher.ratio() >= least and matcher.ratio() > most:
            best, most = each, matcher.ratio()
    return best
