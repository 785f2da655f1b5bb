"""Problems of a configuration, one line each: setting, problem and example, without values."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import ErrorDetails

from gateway.settings.examples import example_of
from gateway.settings.masked import redact_name, shorten
from gateway.settings.names import KEY_PLACEHOLDERS, SettingName, longest_known_prefix
from gateway.settings.refusals import MAX_LISTED, limit_lines, unknown_name_message

_TIME: Final = "must be a time with an offset from UTC"
#: Type of pydantic's error -> message; `{…}` is from the error's context.
_MESSAGES: Final = {
    "missing": "is required",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "finite_number": "must be a finite number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be a string in quotes",
    "path_type": "must be the path of a file, in quotes",
    "bytes_type": "must be a string in quotes",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "literal_error": "must be {expected}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "url_parsing": "must be a URL",
    "url_scheme": "must be a URL that begins with http:// or https://",
    "url_type": "must be a URL",
    "ip_v4_network": "must be a network",
    "ip_v6_network": "must be a network",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": _TIME,
    "tuple_type": "must be a list",
    "dict_type": "must be a table of settings",
    "model_type": "must be a table of settings",
}
#: What begins the example of a message.
_HINT: Final = "write, for example,"
_PATTERN_ERROR, _UNKNOWN_NAME_ERROR, _KEY_MARKER = "string_pattern_mismatch", "extra_forbidden", "[key]"


def describe_errors(
    model: Any, errors: Iterable[ErrorDetails], variables: Mapping[SettingName, str] = MappingProxyType({})
) -> list[str]:
    """Return distinct lines for the errors of a validation. The number of unknown names is limited.

    `variables`: the environment variables that set some settings, by the setting's name.
    """
    relevant = list(_without_nested_errors(errors))
    unknown = [_error_name(error) for error in relevant if _is_unknown_name(error)]
    listed = set(unknown[:MAX_LISTED])
    lines = (
        unknown_name_message(model, _error_name(error))
        if _is_unknown_name(error)
        else _error_line(model, error, variables)
        for error in relevant
        if not _is_unknown_name(error) or _error_name(error) in listed
    )
    return [*dict.fromkeys(lines), *limit_lines((), len(unknown), "unknown names")]


def _without_nested_errors(errors: Iterable[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Yield the errors that are not below an invalid key."""
    errors = list(errors)
    invalid_keys = {_error_name(error) for error in errors if _KEY_MARKER in error["loc"]}
    for error in errors:
        name = _error_name(error)
        if not any(name[:length] in invalid_keys for length in range(len(name))):
            yield error


def _error_name(error: ErrorDetails) -> SettingName:
    return tuple(str(segment) for segment in error["loc"] if segment != _KEY_MARKER)


def _table_of_key(error: ErrorDetails) -> str:
    """Return the table whose key is invalid; empty for other errors."""
    return _error_name(error)[-2] if _KEY_MARKER in error["loc"] else ""


def _is_unknown_name(error: ErrorDetails) -> bool:
    is_wrong_key = error["type"] == _PATTERN_ERROR and _table_of_key(error) in KEY_PLACEHOLDERS
    return is_wrong_key or error["type"] == _UNKNOWN_NAME_ERROR


def _error_line(model: Any, error: ErrorDetails, variables: Mapping[SettingName, str]) -> str:
    name = _error_name(error)
    segments = name if _KEY_MARKER in error["loc"] else (*_known_segments(model, name),)
    if not segments:
        return _error_text(error)
    variable = next((variables[name[:end]] for end in range(len(name), 0, -1) if name[:end] in variables), "")
    example = _example(model, error, segments, for_environment=bool(variable))
    shown = _shown_name(model, segments, variable)
    return "\n".join(
        f"{shown}: {line}" if _HINT in line else f"{shown}: {line}; {_HINT} {example}"
        for line in _error_text(error).splitlines()
    )


def _shown_name(model: Any, segments: SettingName, variable: str) -> str:
    """Return the variable that sets a setting, with the setting if it is in its JSON; or the setting."""
    setting = shorten(".".join(redact_name(model, segments)))
    if not variable:
        return setting
    is_whole = variable.removeprefix("HALO_GATEWAY_").lower().replace("__", ".").replace("-", "_") == (
        setting.lower().replace("-", "_")
    )
    return variable if is_whole else f"{variable}: {setting}"


def _example(model: Any, error: ErrorDetails, segments: SettingName, *, for_environment: bool) -> str:
    """Return a valid value of the setting; for an invalid key of a table, of the whole table."""
    name = segments[:-1] if _KEY_MARKER in error["loc"] else segments
    if error["type"] == "missing" and segments != _error_name(error):
        name = segments
    return example_of(model, name, for_environment=for_environment)


def _error_text(error: ErrorDetails) -> str:
    if error["type"] == _PATTERN_ERROR:
        return "has the wrong format"
    message = _MESSAGES.get(error["type"])
    text = message.format(**error.get("ctx", {})) if message else error["msg"].removeprefix("Value error, ")
    return text.rstrip(".")


def _known_segments(model: Any, name: SettingName) -> Iterator[str]:
    """Yield the segments of a name, with an index in a list, without the union members that pydantic adds."""
    known = longest_known_prefix(model, name)
    yield from known
    yield from (segment for segment in name[len(known) : len(known) + 1] if segment.isdecimal())
