"""Refusals of names that no setting has, with what was probably meant."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from gateway.settings.masked import cut, masked
from gateway.settings.names import Name, exists
from gateway.settings.nearest import nearest

#: Names that get a line each; further ones are counted, since a search for the nearest name takes a while.
MOST: Final = 20
#: What people look for among the settings and is an option of the command.
_OPTIONS: Final = {
    "port": "--port",
    "host": "--host",
    "bind": "--host and --port",
    "listen": "--host and --port",
}
_OPTION: Final = re.compile(r"(?:(?:server|http|gateway)[._]+)?([a-z]+)")
#: What a file cannot hold, and where it is given.
_OUTSIDE: Final = {
    "config": "It is an option of every command: --config, or the variable HALO_GATEWAY_CONFIG.",
    "probe_key": "It is a variable of the environment: HALO_GATEWAY_PROBE_KEY.",
}
#: Names from elsewhere -> the setting that means the same.
_ELSEWHERE: Final[dict[Name, Name]] = {
    ("http_proxy",): ("upstream", "proxy"),
    ("https_proxy",): ("upstream", "proxy"),
    ("all_proxy",): ("upstream", "proxy"),
}
_GUID: Final = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_GUID_OF_A_SHELL: Final = re.compile(r"[0-9A-Fa-f]{8}(?:_[0-9A-Fa-f]{4}){3}_[0-9A-Fa-f]{12}")


def refusal(model: Any, name: Name, written: str = "", joint: str = ".", prefix: str = "") -> str:
    """The message for a name that no setting has: as it was written, and the nearest right name if any.

    `joint` is what joins the segments where the name was written; with a `prefix` names are upper-case.
    """
    segments = tuple(written[len(prefix) :].split(joint)) if prefix else name
    shown = written[: len(prefix)] + joint.join(masked(model, name, segments))
    return f"{cut(shown)}: no such setting.{_hint(model, name, written, joint, prefix)}"


def bounded(lines: Iterable[str], count: int, what: str) -> list[str]:
    """The first lines, and how many more there are."""
    return [*islice(lines, MOST), *([f"and {count - MOST} more {what}"] if count > MOST else [])]


def _hint(model: Any, name: Name, written: str, joint: str, prefix: str) -> str:
    option = _OPTION.fullmatch(joint.join(name).lower())
    if option and option[1] in _OPTIONS:
        return f" That is an option of the command: halo-gateway serve {_OPTIONS[option[1]]}."
    if not prefix and (outside := _outside(model, name)):
        return f" {outside}"
    found = _ELSEWHERE.get((joint.join(name).lower(),)) or nearest(model, name, joint)
    if not found:
        return ""
    right = joint.join(masked(model, found))
    return f" Did you mean {cut(_variable(prefix + right, written) if prefix else right)}?"


def _outside(model: Any, name: Name) -> str:
    """What is to be done about a name in a file that is none because of where or how it stands there."""
    whole = ".".join(name)
    if whole.lower() in _OUTSIDE:
        return _OUTSIDE[whole.lower()]
    is_quoted = any("." in each for each in name) and exists(model, tuple(whole.split(".")))
    return f"Write {whole} without quotes." if is_quoted else ""


def _variable(right: str, written: str) -> str:
    """The name of a variable, with GUIDs as shells can export them if one was written so."""
    right = right.upper()
    if _GUID_OF_A_SHELL.search(written):
        return _GUID.sub(lambda guid: guid[0].replace("-", "_"), right)
    return right
