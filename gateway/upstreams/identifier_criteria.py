"""Criteria on `identifier`, compared with the identifiers that a match shows."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.raw_json import decode_resource

#: Values of one criterion, as alternatives, without separators and case.
IdentifierValues = frozenset[str]
_SEPARATORS = re.compile(r"[\W_]+")
_COMMA = re.compile(r"(?<!\\),")
#: Characters from which on a value counts as the beginning of another: a card number and its issue.
_MIN_PREFIX = 5


def identifier_criteria(request: FhirRequest) -> tuple[IdentifierValues, ...]:
    """Return the values of each `identifier` without a modifier; not those of a system alone."""
    texts = request.client_search.values("identifier")
    criteria = (frozenset(map(_plain_value, _COMMA.split(text))) for text in texts)
    return tuple(values for values in criteria if values and "" not in values)


def may_have_identifiers(resource: Raw | bytes, criteria: Sequence[IdentifierValues]) -> bool:
    """Whether a resource may meet the criteria: False only if it shows identifiers, and none is like a value.

    Systems are not compared: servers know one by several URLs. Raises UnreadableError.
    """
    shown = frozenset(_shown_values(decode_resource(resource))) if criteria else frozenset[str]()
    return not shown or all(_is_any_like(values, shown) for values in criteria)


def _is_any_like(values: IdentifierValues, shown: IdentifierValues) -> bool:
    if not values.isdisjoint(shown):
        return True
    return any(_is_like(value, other) for value in values for other in shown)


def _is_like(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _MIN_PREFIX and longer.startswith(shorter)


def _shown_values(resource: dict[str, object]) -> Iterator[str]:
    identifiers = resource.get("identifier")
    for item in identifiers if isinstance(identifiers, list) else [identifiers]:
        value = item.get("value") if isinstance(item, dict) else None
        if isinstance(value, str) and value:
            yield _without_separators(value)


def _plain_value(text: str) -> str:
    return _without_separators(text.rpartition("|")[2])


def _without_separators(text: str) -> str:
    return _SEPARATORS.sub("", text).casefold()
