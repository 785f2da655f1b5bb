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
CONTROL = frozenset(
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

    def replaced(self, value: str) -> "Parameter":
        """The same parameter with another value."""
        return parameter(self.name, value, self.place)


def parameter(name: str, value: str, place: Place = "url") -> Parameter:
    """A parameter written by us, percent-encoded so that no reader mistakes it."""
    return Parameter(name, value, f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}", place)


@dataclass(frozen=True)
class Search:
    """The parameters of one request, URL first, then form body, in the order given."""

    parameters: tuple[Parameter, ...] = ()

    @cached_property
    def query(self) -> str:
        """The URL's query string."""
        return self._printed("url")

    @cached_property
    def form(self) -> str:
        """The `application/x-www-form-urlencoded` body of a POST search."""
        return self._printed("form")

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of the parameter with exactly this name, in order."""
        return tuple(each.value for each in self.parameters if each.name == name)

    def mapped(self, change: Callable[[Parameter], Iterable[Parameter]]) -> "Search":
        """The search with each parameter replaced by what `change` gives; itself when nothing changed."""
        if not self.parameters:
            return self
        new = tuple(result for each in self.parameters for result in change(each))
        return self if _same(new, self.parameters) else Search(new)

    def without(self, *names: str) -> "Search":
        """The search without the parameters of these names; itself when it had none."""
        return self.mapped(lambda each: () if each.name in names else (each,))

    def with_added(self, added: Iterable[Parameter]) -> "Search":
        """The search with parameters appended; itself when there are none."""
        more = tuple(added)
        return Search(self.parameters + more) if more else self

    def as_get(self) -> "Search":
        """The same criteria as a URL alone would state them."""
        return self.mapped(
            lambda each: (each,) if each.place == "url" else (Parameter(each.name, each.value, each.raw),)
        )

    def _printed(self, place: Place) -> str:
        return "&".join(each.raw for each in self.parameters if each.place == place)


#: A search without parameters.
NOTHING = Search()


def search(query: str, form: str = "") -> Search:
    """The search that a query string and a form body state together (R4 search.html, search by POST)."""
    return Search(tuple(_parsed(query, "url")) + tuple(_parsed(form, "form")))


def _parsed(text: str, place: Place) -> Iterable[Parameter]:
    for raw in text.split("&"):
        if raw:
            name, _, value = raw.partition("=")
            yield Parameter(unquote_plus(name), unquote_plus(value), raw, place)


def _same(new: tuple[Parameter, ...], old: tuple[Parameter, ...]) -> bool:
    return len(new) == len(old) and all(one is other for one, other in zip(new, old, strict=True))
