"""Searches: which resources match the parameters of a URL."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any, Final

from gateway.emulator.health_gorilla.data import Resource
from gateway.emulator.health_gorilla.errors import GorillaError

Pair = tuple[str, str]
#: Parameters of a page; no criteria.
PAGE_PARAMETERS: Final = ("_count", "_offset", "_cursor", "_format")
_PREFIX: Final = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}.*)")
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}


def matching_resources(
    resources: Iterable[Resource], resource_type: str, pairs: list[Pair]
) -> list[Resource]:
    """Return the resources that match all criteria. Raises GorillaError (400) for an unknown parameter."""
    criteria = [pair for pair in pairs if pair[0] not in PAGE_PARAMETERS]
    known = COMMON | PARAMETERS.get(resource_type, {})
    unknown = [name for name, _ in criteria if name not in known]
    if unknown:
        raise GorillaError(
            "invalid-request",
            "Invalid request: The FHIR endpoint on this server does not know how to handle GET operation"
            f"[{resource_type}] with parameters [[{', '.join(unknown)}]]",
        )
    return [each for each in resources if all(known[name](each, value) for name, value in criteria)]


def _text_of(*path: str) -> Callable[[Resource], list[str]]:
    """Return the function that reads the texts at a path, through lists."""

    def texts(resource: Resource) -> list[str]:
        values: list[Any] = [resource]
        for name in path:
            values = [
                item for value in values if isinstance(value, dict) for item in _as_list(value.get(name))
            ]
        return [value for value in values if isinstance(value, str)]

    return texts


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _token(*path: str) -> Callable[[Resource, str], bool]:
    texts = _text_of(*path)
    return lambda resource, value: (
        not {part.rpartition("|")[2] for part in value.split(",")}.isdisjoint(texts(resource))
    )


def _string(*path: str) -> Callable[[Resource, str], bool]:
    texts = _text_of(*path)
    return lambda resource, value: any(text.lower().startswith(value.lower()) for text in texts(resource))


def _reference(*path: str) -> Callable[[Resource, str], bool]:
    texts = _text_of(*path, "reference")
    return lambda resource, value: (
        value.rpartition("/")[2] in {text.rpartition("/")[2] for text in texts(resource)}
    )


def _date(*path: str) -> Callable[[Resource, str], bool]:
    texts = _text_of(*path)
    return lambda resource, value: any(is_date_match(text, value) for text in texts(resource))


def is_date_match(stored: str, value: str) -> bool:
    """Whether a stored instant matches a criterion such as `ge2024-01-01`. Raises GorillaError (400)."""
    match = _PREFIX.fullmatch(value)
    if not match:
        raise GorillaError("invalid-request", "Invalid request: invalid date format")
    prefix, text = match[1] or "eq", match[2]
    (start, end), (instant, _) = date_range(text), date_range(stored)
    if prefix == "eq":
        return start <= instant < end
    limit = start if prefix in {"ge", "lt"} else end
    return _COMPARISONS["ge" if prefix == "gt" else "lt" if prefix == "le" else prefix](instant, limit)


def date_range(text: str) -> tuple[datetime, datetime]:
    """Return begin and end of a date, month, year or instant in UTC. Raises GorillaError (400)."""
    try:
        begin = datetime.fromisoformat(text + "0000-01-01"[len(text) :] if len(text) < _DAY_LENGTH else text)
    except ValueError:
        raise GorillaError("invalid-request", "Invalid request: invalid date format") from None
    begin = begin.astimezone(UTC) if begin.tzinfo else begin.replace(tzinfo=UTC)
    days = {4: 366, 7: 31, 10: 1}.get(len(text))
    return begin, begin + (timedelta(days=days) if days else timedelta(seconds=1))


_DAY_LENGTH: Final = 10
COMMON: Final[dict[str, Callable[[Resource, str], bool]]] = {
    "_id": _token("id"),
    "_lastUpdated": _date("meta", "lastUpdated"),
}
_SUBJECT: Final = {"patient": _reference("subject"), "subject": _reference("subject")}
#: Search parameters by type.
PARAMETERS: Final[dict[str, dict[str, Callable[[Resource, str], bool]]]] = {
    "Patient": {
        "identifier": _token("identifier", "value"),
        "family": _string("name", "family"),
        "given": _string("name", "given"),
        "name": lambda resource, value: any(
            _string("name", part)(resource, value) for part in ("family", "given")
        ),
        "gender": _token("gender"),
        "birthdate": _date("birthDate"),
        "general-practitioner": _reference("generalPractitioner"),
    },
    "Practitioner": {"identifier": _token("identifier", "value"), "family": _string("name", "family")},
    "DocumentReference": {
        **_SUBJECT,
        "date": _date("date"),
        "status": _token("status"),
        "type": _token("type", "coding", "code"),
    },
    "DiagnosticReport": {**_SUBJECT, "date": _date("effectiveDateTime"), "status": _token("status")},
    "Observation": {
        **_SUBJECT,
        "category": _token("category", "coding", "code"),
        "code": _token("code", "coding", "code"),
        "date": _date("effectiveDateTime"),
    },
    "RequestGroup": {**_SUBJECT, "status": _token("status"), "author": _reference("author")},
    "Subscription": {"status": _token("status")},
}
