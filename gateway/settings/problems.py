"""Problems of a configuration, one line each: setting, problem and example, without values."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic_core import ErrorDetails

from gateway.settings.masked import redact_name, shorten
from gateway.settings.names import KEY_PLACEHOLDERS, SettingName, longest_known_prefix
from gateway.settings.refusals import MAX_LISTED, limit_lines, unknown_name_message

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
    "url_parsing": "must be a URL, such as https://gateway.example.com.au",
    "url_scheme": "must be a URL that begins with http:// or https://",
    "url_type": "must be a URL, such as https://gateway.example.com.au",
    "ip_v4_network": "must be a network, such as 10.0.0.0/8",
    "ip_v6_network": "must be a network, such as 10.0.0.0/8",
    "tuple_type": 'must be a list, such as ["…"]; in an environment variable it is JSON',
    "dict_type": "must be a table of settings; in an environment variable it is JSON",
    "model_type": "must be a table of settings; in an environment variable it is JSON",
}
_GUID: Final = "0a1b2c3d-0000-4000-8000-00000000000a"
#: Last segment of a setting with a pattern, or of a table whose keys have one -> valid value.
_EXAMPLES: Final = {
    "default_site": _GUID,
    "path": "/hg",
    "listen": "127.0.0.1:8081",
    "id": "closed-for-lunch",
    "name": "front-desk",
    "upstreams": "health-gorilla",
    "shared_callers": "front-desk",
    "callers": "0a1b2c3d",
    "user_agent": "WaitingRoom/*",
    "currency": "AUD",
    "column_time_zones": "Appointment.date",
    "date_precision": "Appointment.date",
    "extra_date_parameters": "Appointment.date",
    "last_updated_input": "Patient",
    "lifetimes": "Patient",
    "stale_if_error": "Patient",
    "stale_while_revalidate": "Patient",
}
_PATTERN_ERROR, _UNKNOWN_NAME_ERROR, _KEY_MARKER = "string_pattern_mismatch", "extra_forbidden", "[key]"


def describe_errors(model: Any, errors: Iterable[ErrorDetails]) -> list[str]:
    """Return distinct lines for the errors of a validation. The number of unknown names is limited."""
    relevant = list(_without_nested_errors(errors))
    unknown = [_error_name(error) for error in relevant if _is_unknown_name(error)]
    listed = set(unknown[:MAX_LISTED])
    lines = (
        unknown_name_message(model, _error_name(error))
        if _is_unknown_name(error)
        else _error_line(model, error)
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


def _error_line(model: Any, error: ErrorDetails) -> str:
    name = _error_name(error)
    segments = name if _KEY_MARKER in error["loc"] else (*_known_segments(model, name),)
    setting = shorten(".".join(redact_name(model, segments)))
    text = _error_text(error, _table_of_key(error) or _last_segment(segments))
    return "\n".join(f"{setting}: {line}" for line in text.splitlines()) if segments else text


def _error_text(error: ErrorDetails, setting: str) -> str:
    if error["type"] == _PATTERN_ERROR:
        example = f"; write, for example, {_EXAMPLES[setting]}" if setting in _EXAMPLES else ""
        return f"has the wrong format{example}"
    message = _MESSAGES.get(error["type"])
    return message.format(**error.get("ctx", {})) if message else error["msg"].removeprefix("Value error, ")


def _known_segments(model: Any, name: SettingName) -> Iterator[str]:
    """Yield the segments of a name, with an index in a list, without the union members that pydantic adds."""
    known = longest_known_prefix(model, name)
    yield from known
    yield from (segment for segment in name[len(known) : len(known) + 1] if segment.isdecimal())


def _last_segment(name: SettingName) -> str:
    return next((segment for segment in reversed(name) if not segment.isdecimal()), "")
