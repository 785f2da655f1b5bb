"""Search parameters of a URL and a form body, in order.

An unchanged parameter is written with the characters in which it was received.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, unquote_plus

import msgspec

Place = Literal["url", "form"]

#: Parameters of every search that the registry lists for no resource type (R4 search.html, tables).
RESULT_PARAMETERS = frozenset(
    {
        *(
            "_contained",
            "_containedType",
            "_count",
            "_elements",
            "_format",
            "_has",
            "_include",
            "_lastUpdated",
        ),
        *("_list", "_page", "_pretty", "_revinclude", "_since", "_sort", "_summary", "_total"),
    }
)

#: Parameters that shape a result and select no match (R4 search.html, 3.1.1.5), and fhirpy's `_totalMethod`.
RESULT_ONLY_PARAMETERS = frozenset(
    {
        *("_contained", "_containedType", "_count", "_elements", "_format", "_include", "_page", "_pretty"),
        *("_revinclude", "_score", "_sort", "_summary", "_total", "_totalMethod"),
    }
)

_SAFE = "-._~!*'()/,;:@$|"


class Parameter(msgspec.Struct, frozen=True):
    """A `name=value` of a search: decoded, with its raw text and its place."""

    name: str
    value: str
    raw: str
    place: Place = "url"

    @property
    def code(self) -> str:
        """Name without modifier: `_include` of `_include:iterate`."""
        return self.name.partition(":")[0]

    def with_value(self, value: str) -> "Parameter":
        """Return the parameter with another value."""
        return encode_parameter(self.name, value, self.place)


def encode_parameter(name: str, value: str, place: Place = "url") -> Parameter:
    """Parameter with percent-encoded name and value."""
    return Parameter(name, value, f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}", place)


class JudgedCriteria(NamedTuple):
    """The client's criteria on one parameter by which the gateway judges each match, made once per request.

    `owner`: the verb of a pack that judges. `meets` takes a decoded resource. `is_page`: they came in a page
    link of the gateway.
    """

    owner: object
    criteria: tuple[Parameter, ...]
    meets: Callable[[dict[str, Any]], bool]
    is_page: bool = False


@dataclass(frozen=True)
class SearchParams:
    """Parameters of a request, first of the URL, then of the form body, in their order."""

    parameters: tuple[Parameter, ...] = ()

    @cached_property
    def query(self) -> str:
        """Query string of the URL."""
        return self._encode_place("url")

    @cached_property
    def form(self) -> str:
        """`application/x-www-form-urlencoded` body of a POST search."""
        return self._encode_place("form")

    @cached_property
    def values_by_name(self) -> Mapping[str, tuple[str, ...]]:
        """Values of the parameters of each name; names and values in order."""
        lists: dict[str, list[str]] = {}
        for parameter in self.parameters:
            lists.setdefault(parameter.name, []).append(parameter.value)
        return MappingProxyType({name: tuple(values) for name, values in lists.items()})

    def values(self, name: str) -> tuple[str, ...]:
        """Values of the parameters with exactly this name, in order."""
        return self.values_by_name.get(name, ())

    @cached_property
    def is_count(self) -> bool:
        """Whether only the number of matches is asked for (R4 search.html, `_summary` and `_count`)."""
        return self.values("_summary")[-1:] == ("count",) or _is_zero("".join(self.values("_count")[-1:]))

    def map_parameters(self, change: Callable[[Parameter], Iterable[Parameter]]) -> "SearchParams":
        """Return the search with each parameter replaced by the result of `change`; itself if unchanged."""
        if not self.parameters:
            return self
        new = tuple(result for parameter in self.parameters for result in change(parameter))
        return self if _has_same_objects(new, self.parameters) else SearchParams(new)

    def without_parameters(self, *names: str) -> "SearchParams":
        """Return the search without the parameters of these names; itself if unchanged."""
        removed = frozenset(names)
        return self.map_parameters(lambda parameter: () if parameter.name in removed else (parameter,))

    def with_parameters(self, parameters: Iterable[Parameter]) -> "SearchParams":
        """Return the search with parameters appended; itself if there are none."""
        added = tuple(parameters)
        return SearchParams(self.parameters + added) if added else self

    def as_get(self) -> "SearchParams":
        """Return the same parameters, all in the URL."""
        return self.map_parameters(
            lambda item: (item if item.place == "url" else Parameter(item.name, item.value, item.raw),)
        )

    def _encode_place(self, place: Place) -> str:
        return "&".join(parameter.raw for parameter in self.parameters if parameter.place == place)


NO_PARAMETERS = SearchParams()


def parse_search(query: str, form: str = "") -> SearchParams:
    """Search parameters of a query string and a form body (R4 search.html, search by POST)."""
    return SearchParams(tuple(_parse_parameters(query, "url")) + tuple(_parse_parameters(form, "form")))


def parse_whole_query(query: str) -> SearchParams:
    """Parameters of a query string, with the empty ones between two `&`: `query` is the same text."""
    return SearchParams(tuple(map(_parse_parameter, query.split("&")))) if query else NO_PARAMETERS


def _parse_parameters(text: str, place: Place) -> Iterable[Parameter]:
    return (_parse_parameter(raw, place) for raw in text.split("&") if raw)


def _parse_parameter(raw: str, place: Place = "url") -> Parameter:
    name, _, value = raw.partition("=")
    if "%" in raw or "+" in raw:
        name, value = unquote_plus(name), unquote_plus(value)
    return Parameter(name, value, raw, place)


def _is_zero(text: str) -> bool:
    return text.isdecimal() and not text.strip("0")


def _has_same_objects(new: tuple[Parameter, ...], old: tuple[Parameter, ...]) -> bool:
    return len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))
