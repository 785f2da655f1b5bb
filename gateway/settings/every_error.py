"""All errors of a configuration: checks of several settings are made although others are wrong by themselves.

Pydantic does not check a section as a whole while one of its settings is invalid. So what is invalid is left
out, and the rest is checked again. What was left out then seems to be missing: errors that name it are
dropped.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.names import SettingName

#: Each round leaves at least one setting out; more rounds than this would be a configuration of errors only.
_MAX_ROUNDS: Final = 8
#: What may be the name of a setting in a message, whole or below the section that the error is of.
_NAME: Final = re.compile(r"[\w\-]+(?:\.[\w\-]+)*")


def every_error(validate: Callable[[Any], object], values: dict[str, Any]) -> list[ErrorDetails]:
    """Return the errors of a configuration, without the values. Raises RecursionError for deep nesting."""
    errors: list[ErrorDetails] = []
    removed: set[SettingName] = set()
    for _ in range(_MAX_ROUNDS):
        try:
            validate(values)
        except ValidationError as problem:
            found = problem.errors(include_input=False, include_url=False)
            errors += [each for each in _independent(values, found, removed) if each not in errors]
            values, left_out = _without(values, found)
            removed |= left_out
            if not left_out:
                break
        else:
            break
    return errors


def _independent(
    values: Any, errors: Iterable[ErrorDetails], removed: set[SettingName]
) -> Iterator[ErrorDetails]:
    """Yield the errors that name nothing that was left out; of several in one, the lines that do not."""
    for error in errors:
        section = tuple(map(str, _path_to(values, error)))
        lines = [line for line in error["msg"].splitlines() if not _names_any(line, section, removed)]
        is_left_out = error["type"] == "missing" and tuple(map(str, error["loc"])) in removed
        if lines and not is_left_out:
            yield {**error, "msg": "\n".join(lines), "ctx": _plain_context(error)}


def _names_any(line: str, section: SettingName, settings: set[SettingName]) -> bool:
    """Whether a message names one of the settings, or what is in it; also by its name in the section."""
    words = [tuple(word.split(".")) for word in _NAME.findall(line)]
    names = {*words, *((*section, *word) for word in words)}
    return any(name[:length] in settings for name in names for length in range(1, len(name) + 1))


def _plain_context(error: ErrorDetails) -> dict[str, Any]:
    """Return the context without exceptions, of which no two are equal."""
    return {name: value for name, value in error.get("ctx", {}).items() if name != "error"}


def _without(
    values: dict[str, Any], errors: Iterable[ErrorDetails]
) -> tuple[dict[str, Any], set[SettingName]]:
    """Return a copy without what is invalid, and the names of what was left out; of an item, its list's."""
    result, removed = _copy(values), set[SettingName]()
    for path in sorted({tuple(_path_to(values, error)) for error in errors}, key=_latest_first):
        container: Any = result
        try:
            for segment in path[:-1]:
                container = container[segment]
            del container[path[-1]]
        except (LookupError, TypeError):
            continue  # what contains it has been left out
        removed.add(_name_of(path))
    return result, removed


def _name_of(path: tuple[Any, ...]) -> SettingName:
    return _name_of(path[:-1]) if isinstance(path[-1], int) else tuple(map(str, path))


def _latest_first(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Order in which the inner is left out before the outer, and the last item of a list first."""
    return -len(path), tuple(-each if isinstance(each, int) else 0 for each in path)


def _path_to(values: Any, error: ErrorDetails) -> Iterator[Any]:
    """Yield the part of an error's location that exists in the values: others are pydantic's, or missing."""
    for segment in error["loc"]:
        is_in_list = isinstance(values, list | tuple) and isinstance(segment, int) and segment < len(values)
        if not is_in_list and not (isinstance(values, dict) and segment in values):
            return
        values = values[segment]
        yield segment


def _copy(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _copy(inner) for key, inner in values.items()}
    return [_copy(inner) for inner in values] if isinstance(values, list | tuple) else values
