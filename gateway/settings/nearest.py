"""Nearest right name to a misspelt one, and what is said of a name that no setting has."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from gateway.settings.names import KEYS, Name, below, exists, held, names, stem

_GUID_KEY: Final = KEYS["sites"]
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}")
_DEFAULT: Final = "default"
#: How much of two names must be alike (difflib): of one segment of a file, and of any other name.
_ONE, _ANY = 0.7, 0.8
#: Characters of a misspelt name that are compared and shown.
_SHOWN: Final = 120
#: What people look for among the settings and is an option of the command.
_OPTIONS: Final = {
    "port": "--port",
    "host": "--host",
    "bind": "--host and --port",
    "listen": "--host and --port",
}
_OPTION: Final = re.compile(r"(?:(?:server|http|gateway)[._]+)?([a-z]+)")


def refusal(model: Any, name: Name, written: str, joint: str = ".", prefix: str = "") -> str:
    """The message for a name that no setting has: as it was written, and the nearest right name if any.

    `joint` is what joins the segments where the name was written; with a `prefix` names are upper-case.
    """
    return f"{_cut(written)}: no such setting.{_hint(model, name, joint, prefix)}"


def _hint(model: Any, name: Name, joint: str, prefix: str) -> str:
    option = _OPTION.fullmatch(joint.join(name))
    if option and option[1] in _OPTIONS:
        return f" That is an option of the command: halo-gateway serve {_OPTIONS[option[1]]}."
    found = nearest(model, name, joint)
    if not found:
        return ""
    right = joint.join(found)
    return f" Did you mean {_cut(prefix + right.upper() if prefix else right)}?"


def nearest(model: Any, name: Name, joint: str) -> Name | None:
    """The name below a model that is most like a misspelt one; None where none is alike."""
    known = stem(model, name)
    rest, kind = name[len(known) :], below(model, known)
    if not any(names(kind)):
        return known
    found = _most_alike(_candidates(kind, rest, known), rest, joint) or _corrected(kind, rest, known, joint)
    return known + found if found else _by_its_end(model, rest, joint)


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


def _by_its_end(model: Any, rest: Name, joint: str) -> Name | None:
    """The shortest name whose last segments are like those that were written."""
    whole = sorted(names(model), key=lambda each: (-len(each), each))
    ends = {each[-length:]: each for each in whole for length in range(1, len(each))}
    found = _most_alike(ends, rest, joint)
    return ends.get(found) if found else None


def _most_alike(candidates: Iterable[Name], written: Name, joint: str) -> Name | None:
    shown = _GUID.sub(_GUID_KEY, joint.join(written)[:_SHOWN])
    matcher = SequenceMatcher(b=shown, autojunk=False)
    alike = _ONE if joint == "." and len(written) == 1 else _ANY
    best = None
    for each in candidates:
        matcher.set_seq1(_GUID.sub(_GUID_KEY, joint.join(each)))
        if matcher.quick_ratio() > alike and matcher.ratio() > alike:
            best, alike = each, matcher.ratio()
    return best


def _cut(shown: str) -> str:
    plain = "".join(each if each.isprintable() else "?" for each in shown[:_SHOWN])
    return plain + "…" * (len(shown) > _SHOWN)
