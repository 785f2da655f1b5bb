"""Nearest right name to a misspelt one."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from gateway.settings.names import GUID, KEYS, Name, below, exists, held, names, parts, stem
from gateway.settings.spelling import distance

_GUID_KEY: Final = KEYS["sites"]
_DEFAULT: Final = "default"
#: How much of two names must be alike (difflib): of one segment each, and of any other names.
_ONE, _ANY = 0.7, 0.8
#: Characters of a misspelt name that are compared.
_COMPARED: Final = 120


def nearest(model: Any, name: Name, joint: str) -> Name | None:
    """The name below a model that is most like a misspelt one; None where none is alike.

    `joint` is what joins the segments where the name was written.
    """
    known = stem(model, name)
    rest, kind = name[len(known) :], below(model, known)
    if not any(names(kind)):
        return known
    found = (
        _by_segments(kind, rest)
        or _most_alike(_candidates(kind, rest, known), rest, joint)
        or _corrected(kind, rest, known, joint)
        or _by_its_end(kind, rest, joint)
        or _by_a_word(kind, rest)
    )
    return known + found if found else _by_its_end(model, rest, joint)


def _by_segments(kind: Any, rest: Name) -> Name | None:
    """The name each segment of which differs from the one that was written by slips of the pen."""
    found = sorted(_spelt(kind, rest), key=lambda each: each[0])
    return found[0][1] if found else None


def _spelt(kind: Any, rest: Name) -> Iterator[tuple[int, Name]]:
    """Names that were perhaps meant, with the number of slips."""
    if not rest or not any(names(kind)):
        yield 0, ()
        return
    for segment, inner in _segments(kind, rest[0]):
        slips = distance(segment, rest[0])
        if slips <= max(1, len(segment) // 3):
            yield from ((slips + more, (segment, *below)) for more, below in _spelt(inner, rest[1:]))


def _segments(kind: Any, written: str) -> Iterator[tuple[str, Any]]:
    """The segments that may come next, with their types; of a table the key as written, if it is one."""
    for key in (written, written.lower()):
        if exists(kind, (key,)):
            yield key, below(kind, (key,))
            return
    for segment, each in parts(kind):
        right = _DEFAULT if exists(kind, (_DEFAULT,)) else segment
        yield right, each


def _candidates(kind: Any, rest: Name, known: Name) -> Iterator[Name]:
    """The names below a type, with the keys that were written where those are keys."""
    for each in names(kind, KEYS.get((known or ("",))[-1], "<key>")):
        written = (*rest, *each[len(rest) :])
        filled = tuple(new if key[0] in "<[" else key for key, new in zip(each, written, strict=False))
        yield filled if exists(kind, filled) else each
        yield tuple(_DEFAULT if key == _GUID_KEY else key for key in each)


def _corrected(kind: Any, rest: Name, known: Name, joint: str) -> Name | None:
    """The rest with a right key, where the type is a table of sections and the key is what is wrong."""
    section = held(kind)
    if section is None:
        return None
    inner = rest[1:] if exists(section, rest[1:]) else nearest(section, rest[1:], joint)
    return (KEYS[known[-1]], *(inner or ()))


def _by_its_end(kind: Any, rest: Name, joint: str) -> Name | None:
    """The shortest name below a type whose last segments are like those that were written."""
    whole = sorted(names(kind), key=lambda each: (-len(each), each))
    ends = {each[-length:]: each for each in whole for length in range(1, len(each))}
    found = _most_alike(ends, rest, joint)
    return ends.get(found) if found else None


def _by_a_word(kind: Any, rest: Name) -> Name | None:
    """The only setting of a section whose name has all words that were written, and more."""
    words = set(rest[0].lower().split("_"))
    found = [segment for segment, _ in parts(kind) if words < set(segment.split("_"))]
    return (found[0],) if len(rest) == 1 and len(found) == 1 else None


def _most_alike(candidates: Iterable[Name], written: Name, joint: str) -> Name | None:
    shown = GUID.sub(_GUID_KEY, joint.join(written)[:_COMPARED].lower())
    matcher = SequenceMatcher(b=shown, autojunk=False)
    best, most = None, 0.0
    for each in candidates:
        least = max(most, _ONE if len(each) == len(written) == 1 else _ANY)
        matcher.set_seq1(GUID.sub(_GUID_KEY, joint.join(each).lower()))
        if matcher.quick_ratio() >= least and matcher.ratio() >= least and matcher.ratio() > most:
            best, most = each, matcher.ratio()
    return best
