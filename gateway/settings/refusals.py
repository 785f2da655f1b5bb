"""Refusals of names that no setting has, with what was probably meant."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from gateway.settings.masked import redact_name, shorten
from gateway.settings.names import SettingName, setting_exists
from gateway.settings.nearest import nearest_name

#: Names that get a line each; further ones are counted, since a search for the nearest name takes a while.
MAX_LISTED: Final = 20
#: What people look for among the settings and is an option of the command.
_COMMAND_OPTIONS: Final = {
    "port": "--port",
    "host": "--host",
    "bind": "--host and --port",
    "listen": "--host and --port",
}
_OPTION_NAME: Final = re.compile(r"(?:(?:server|http|gateway)[._]+)?([a-z]+)")
#: What a file cannot hold, and where it is given.
_NOT_IN_FILES: Final = {
    "config": "It is an option of every command: --config, or the variable HALO_GATEWAY_CONFIG.",
    "probe_key": "It is a variable of the environment: HALO_GATEWAY_PROBE_KEY.",
}
#: Names from elsewhere -> the setting that means the same.
_FOREIGN_NAMES: Final[dict[SettingName, SettingName]] = {
    ("http_proxy",): ("upstream", "proxy"),
    ("https_proxy",): ("upstream", "proxy"),
    ("all_proxy",): ("upstream", "proxy"),
}
_GUID: Final = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_SHELL_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:_[0-9A-Fa-f]{4}){3}_[0-9A-Fa-f]{12}")


def unknown_name_message(
    model: Any, name: SettingName, written_name: str = "", separator: str = ".", prefix: str = ""
) -> str:
    """The message for a name that no setting has: as it was written, and the nearest right name if any.

    `joint` is what joins the segments where the name was written; with a `prefix` names are upper-case.
    """
    segments = tuple(written_name[len(prefix) :].split(separator)) if prefix else name
    shown = written_name[: len(prefix)] + separator.join(redact_name(model, name, segments))
    return f"{shorten(shown)}: no such setting.{_suggestion(model, name, written_name, separator, prefix)}"


def limit_lines(lines: Iterable[str], count: int, description: str) -> list[str]:
    """The first lines, and how many more there are."""
    return [
        *islice(lines, MAX_LISTED),
        *([f"and {count - MAX_LISTED} more {description}"] if count > MAX_LISTED else []),
    ]


def _suggestion(model: Any, name: SettingName, written_name: str, separator: str, prefix: str) -> str:
    option = _OPTION_NAME.fullmatch(separator.join(name).lower())
    if option and option[1] in _COMMAND_OPTIONS:
        return f" That is an option of the command: halo-gateway serve {_COMMAND_OPTIONS[option[1]]}."
    if not prefix and (outside := _file_hint(model, name)):
        return f" {outside}"
    found = _FOREIGN_NAMES.get((separator.join(name).lower(),)) or nearest_name(model, name, separator)
    if not found:
        return ""
    right = separator.join(redact_name(model, found))
    return f" Did you mean {shorten(_variable_name(prefix + right, written_name) if prefix else right)}?"


def _file_hint(model: Any, name: SettingName) -> str:
    """What is to be done about a name in a file that is none because of where or how it stands there."""
    whole = ".".join(name)
    if whole.lower() in _NOT_IN_FILES:
        return _NOT_IN_FILES[whole.lower()]
    is_quoted = any("." in each for each in name) and setting_exists(model, tuple(whole.split(".")))
    return f"Write {whole} without quotes." if is_quoted else ""


def _variable_name(name: str, written_name: str) -> str:
    """The name of a variable, with GUIDs as shells can export them if one was written so."""
    name = name.upper()
    if _SHELL_GUID.search(written_name):
        return _GUID.sub(lambda guid: guid[0].replace("-", "_"), name)
    return name
