"""Searches as data, with unusual spellings, and the smaller ones to look for a fault in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, quote_plus

#: Parameters that select nothing.
RESULT_NAMES: Final = frozenset(
    {"_sort", "_count", "_summary", "_elements", "_total"}
    | {f"{name}{suffix}" for name in ("_include", "_revinclude") for suffix in ("", ":iterate")}
)
#: How the characters of names and values are written in a query.
STYLES: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda text: quote(text, safe=":,|/"),
    "upper": lambda text: quote(text, safe=""),
    "lower": lambda text: "".join(f"%{ord(c):02x}" if c in ":,|/+-." else quote(c, safe="") for c in text),
    "plus": lambda text: quote_plus(text, safe=","),
    "space": lambda text: quote(text, safe=":,|/+"),
}


@dataclass(frozen=True)
class Part:
    """One parameter: its name, its alternatives, how it is spelled, and whether it is in the form."""

    name: str
    values: tuple[str, ...]
    style: str = "plain"
    in_form: bool = False

    def text(self) -> str:
        encode = STYLES[self.style]
        values = (
            value.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$") for value in self.values
        )
        return f"{encode(self.name)}={encode(',').join(map(encode, values))}"


@dataclass(frozen=True)
class Search:
    """A search of one type, by GET or by POST with some parameters in the URL."""

    kind: str
    parts: tuple[Part, ...]
    is_post: bool = False
    joiner: str = "&"

    @property
    def criteria(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(part.name, part.values) for part in self.parts if part.name not in RESULT_NAMES]

    def results(self, name: str) -> list[str]:
        """The values of a result parameter."""
        return [value for part in self.parts if part.name == name for value in part.values]

    @property
    def includes(self) -> list[tuple[str, str]]:
        return [(p.name, value) for p in self.parts if "include" in p.name for value in p.values]

    @property
    def is_count(self) -> bool:
        return self.results("_summary") == ["count"] or self.results("_count") == ["0"]

    def query(self, *, in_form: bool) -> str:
        return self.joiner.join(p.text() for p in self.parts if (p.in_form and self.is_post) == in_form)

    def __str__(self) -> str:
        if not self.is_post:
            return f"GET {self.kind}?{self.query(in_form=False)}"
        return f"POST {self.kind}/_search?{self.query(in_form=False)} with form {self.query(in_form=True)}"

    def smaller(self) -> list["Search"]:
        """Searches with one part, one value, or one peculiarity less."""
        parts = self.parts
        without = [replace(self, parts=parts[:i] + parts[i + 1 :]) for i in range(len(parts))]
        fewer = [
            self._with_part(i, replace(part, values=part.values[:j] + part.values[j + 1 :]))
            for i, part in enumerate(parts)
            if len(part.values) > 1
            for j in range(len(part.values))
        ]
        plain = [
            self._with_part(i, replace(p, style="plain")) for i, p in enumerate(parts) if p.style != "plain"
        ]
        simple = [replace(self, joiner="&")] if self.joiner != "&" else []
        return [*without, *fewer, *([replace(self, is_post=False)] if self.is_post else []), *simple, *plain]

    def _with_part(self, index: int, part: Part) -> "Search":
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))
