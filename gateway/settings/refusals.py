"""Messages for unknown names, with the nearest existing one."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from gateway.settings.masked import redact_name, shorten
from gateway.settings.names import SettingName, setting_exists
from gateway.settings.nearest import nearest_name

#: Maximum number of unknown names with a line each. The search for the nearest name is slow.
MAX_LISTED: Final = 20
#: Name of a presumed setting -> command-line option that serves its purpose.
_COMMAND_OPTIONS: Final = {
    "port": "--port",
    "host": "--host",
    "bind": "--host and --port",
    "listen": "--host and --port",
}
_OPTION_NAME: Final = re.compile(r"(?:(?:server|http|gateway)[._]+)?([a-z]+)")
#: Name that a file cannot contain -> where to set it.
_NOT_IN_FILES: Final = {
    "config": "It is an option of every command: --config, or the variable HALO_GATEWAY_CONFIG.",
    "probe_key": "It is a variable of the environment: HALO_GATEWAY_PROBE_KEY.",
}
#: Name from other programs -> setting with the same meaning.
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
    """Return the message for an unknown name, with the nearest existing name if any.

    `separator` joins the segments of the name as written; with a `prefix`, names are in upper case.
    """
    segments = tuple(written_name[len(prefix) :].split(separator)) if prefix else name
    shown = written_name[: len(prefix)] + separator.join(redact_name(model, name, segments))
    return f"{shorten(shown)}: no such setting.{_suggestion(model, name, written_name, separator, prefix)}"


def limit_lines(lines: Iterable[str], count: int, description: str) -> list[str]:
    """Return the first 20 lines, and the number of further ones as a last line."""
    return [
        *islice(lines, MAX_LISTED),
        *([f"and {count - MAX_LISTED} more {description}"] if count > MAX_LISTED else []),
    ]


def _suggestion(model: Any, name: SettingName, written_name: str, separator: str, prefix: str) -> str:
    option = _OPTION_NAME.fullmatch(separator.join(name).lower())
    if option and option[1] in _COMMAND_OPTIONS:
        return f" That is an option of the command: halo-gateway serve {_COMMAND_OPTIONS[option[1]]}."
    if not prefix and (hint := _file_hint(model, name)):
        return f" {hint}"
    nearest = _FOREIGN_NAMES.get((separator.join(name).lower(),)) or nearest_name(model, name, separator)
    if not nearest:
        return ""
    text = separator.join(redact_name(model, nearest))
    return f" Did you mean {shorten(_variable_name(prefix + text, written_name) if prefix else text)}?"


def _file_hint(model: Any, name: SettingName) -> str:
    """Return what to do about a name that a file cannot contain, or not in quotes; empty for other names."""
    joined = ".".join(name)
    if joined.lower() in _NOT_IN_FILES:
        return _NOT_IN_FILES[joined.lower()]
    is_quoted = any("." in segment for segment in name) and setting_exists(model, tuple(joined.split(".")))
    return f"Write {joined} without quotes." if is_quoted else ""


def _variable_name(name: str, written_name: str) -> str:
    """Return the name of a variable. Its GUIDs have underscores if the written name has a GUID with them."""
    name = name.upper()
    if _SHELL_GUID.search(written_name):
        return _GUID.sub(lambda guid: guid[0].replace("-", "_"), name)
    return name
