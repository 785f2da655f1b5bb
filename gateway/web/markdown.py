"""Markdown to HTML: CommonMark and tables, anchors as GitHub makes them, links to what is served."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count, pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it.token import Token

_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
#: Wide blocks scroll by themselves, also by keyboard; a strict page allows no style attribute.
_SCROLLABLE_BLOCKS = {
    "<table>": '<div class="table" role="region" aria-label="Table" tabindex="0"><table>',
    "</table>": "</table></div>",
    "<pre>": '<pre tabindex="0">',
    ' style="text-align:right"': ' class="right"',
    ' style="text-align:center"': ' class="center"',
    ' style="text-align:left"': "",
}


def render_markdown(text: str, resolve_link: Callable[[str], str]) -> Markup:
    """The HTML of a text. `served` gives the URL for a link's target, or nothing: then its words remain."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    _set_anchors(tokens)
    for token in tokens:
        token.children = list(_resolve_links(token.children or (), resolve_link))
    html: str = parser.renderer.render(tokens, parser.options, {})
    for plain, scrolling in _SCROLLABLE_BLOCKS.items():
        html = html.replace(plain, scrolling)  # what stands in the text itself is escaped and not met here
    return Markup(html)  # noqa: S704 - the renderer escapes, and raw HTML is off


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return _NOT_IN_SLUG.sub("", heading.strip().lower()).replace(" ", "-")


def _set_anchors(tokens: "Iterable[Token]") -> None:
    """Give each heading its id; of equal ones the second ends in -1."""
    taken: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            found = _unique_anchor(slug(_plain_text(inline)), taken)
            opening.attrSet("id", found)
            taken.add(found)


def _unique_anchor(anchor: str, used_anchors: set[str]) -> str:
    if anchor not in used_anchors:
        return anchor
    return next(each for number in count(1) if (each := f"{anchor}-{number}") not in used_anchors)


def _plain_text(inline: "Token") -> str:
    return "".join(each.content for each in inline.children or () if each.type in {"text", "code_inline"})


def _resolve_links(children: "Iterable[Token]", resolve_link: Callable[[str], str]) -> "Iterator[Token]":
    """The parts of a line, each link with its served target; commonmark links do not nest."""
    target = ""
    for child in children:
        if child.type == "link_open":
            target = resolve_link(str(child.attrGet("href") or ""))
            child.attrSet("href", target)
        if target or child.type not in {"link_open", "link_close"}:
            yield child
