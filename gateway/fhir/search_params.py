"""Search parameters: ordered, lossless, GET and POST forms alike.

A parameter nobody changed is printed with the very characters it came with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import quote, unquote_plus

Place = Literal["url", "form"]

#: Parameters of every search that are in no resource type's registry (R4 search.html, tables).
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

_SAFE = "-._~!*'()/,;:@$|"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `name=value` of a search: decoded, with the text it came as and the place it stood."""

    name: str
    value: str
    raw: str
    place: Place = "url"

    @property
    def code(self) -> str:
        """The name without its modifier: `_include` of `_include:iterate`."""
        return self.name.partition(":")[0]

    def with_value(self, value: str) -> "Parameter":
        """The same parameter with another value."""
        return encode_parameter(self.name, value, self.place)


def encode_parameter(name: str, value: str, place: Place = "url") -> Parameter:
    """A parameter written by us, percent-encoded so that no reader mistakes it."""
    return Parameter(name, value, f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}", place)


@dataclass(frozen=True)
class SearchParams:
    """The parameters of one request, URL first, then form body, in the order given."""

    parameters: tuple[Parameter, ...] = ()

    @cached_property
    def query(self) -> str:
        """The URL's query string."""
        return self._encode_place("url")

    @cached_property
    def form(self) -> str:
        """The `application/x-www-form-urlencoded` body of a POST search."""
        return self._encode_place("form")

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of the parameter with exactly this name, in order."""
        return tuple(each.value for each in self.parameters if each.name == name)

    def map_parameters(self, change: Callable[[Parameter], Iterable[Parameter]]) -> "SearchParams":
        """The search with each parameter replaced by what `change` gives; itself when nothing changed."""
        if not self.parameters:
            return self
        new = tuple(result for each in self.parameters for result in change(each))
        return self if _has_same_objects(new, self.parameters) else SearchParams(new)

    def without_parameters(self, *names: str) -> "SearchParams":
        """The search without the parameters of these names; itself when it had none."""
        return self.map_parameters(lambda each: () if each.name in names else (each,))

    def with_parameters(self, parameters: Iterable[Parameter]) -> "SearchParams":
        """The search with parameters appended; itself when there are none."""
        more = tuple(parameters)
        return SearchParams(self.parameters + more) if more else self

    def as_get(self) -> "SearchParams":
        """The same criteria as a URL alone would state them."""
        return self.map_parameters(
            lambda each: (each,) if each.place == "url" else (Parameter(each.name, each.value, each.raw),)
        )

    def _encode_place(self, place: Place) -> str:
        return "&".join(each.raw for each in self.parameters if each.place == place)


#: A search without parameters.
NO_PARAMETERS = SearchParams()


def parse_search(query: str, form: str = "") -> SearchParams:
    """The search that a query string and a form body state together (R4 search.html, search by POST)."""
    return SearchParams(tuple(_parse_parameters(query, "url")) + tuple(_parse_parameters(form, "form")))


def _parse_parameters(text: str, place: Place) -> Iterable[Parameter]:
    for raw in text.split("&"):
        if raw:
            name, _, value = raw.partition("=")
            yield Parameter(unquote_plus(name), unquote_plus(value), raw, place)


def _has_same_objects(new: tuple[Parameter, ...], old: tuple[Parameter, ...]) -> bool:
    return len(new) == len(old) and all(one is other for one, other in zip(new, old, strict=True))
