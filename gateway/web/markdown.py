"""Markdown to HTML: CommonMark and tables, anchors like GitHub's, links to pages of the gateway."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count, pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it.token import Token

_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
#: Wide blocks get their own scrollbar, also for the keyboard; the page's policy forbids style attributes.
_SCROLLABLE_BLOCKS = {
    "<table>": '<div class="table" role="region" aria-label="Table" tabindex="0"><table>',
    "</table>": "</table></div>",
    "<pre>": '<pre tabindex="0">',
    ' style="text-align:right"': ' class="right"',
    ' style="text-align:center"': ' class="center"',
    ' style="text-align:left"': "",
}


def render_markdown(text: str, resolve_link: Callable[[str], str]) -> Markup:
    """Render a text as HTML. If `resolve_link` returns no URL for a link's target, only its text remains."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    _set_anchors(tokens)
    for token in tokens:
        token.children = list(_resolve_links(token.children or (), resolve_link))
    html: str = parser.renderer.render(tokens, parser.options, {})
    for plain, scrolling in _SCROLLABLE_BLOCKS.items():
        html = html.replace(plain, scrolling)  # tags in the text itself are escaped and do not match
    return Markup(html)  # noqa: S704 - the renderer escapes, and raw HTML is off


def slug(heading: str) -> str:
    """Anchor of a heading, like GitHub's."""
    return _NOT_IN_SLUG.sub("", heading.strip().lower()).replace(" ", "-")


def _set_anchors(tokens: "Iterable[Token]") -> None:
    """Set the id of each heading; the second of two equal headings ends in -1."""
    anchors: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            anchor = _unique_anchor(slug(_plain_text(inline)), anchors)
            opening.attrSet("id", anchor)
            anchors.add(anchor)


def _unique_anchor(anchor: str, used_anchors: set[str]) -> str:
    if anchor not in used_anchors:
        return anchor
    return next(name for number in count(1) if (name := f"{anchor}-{number}") not in used_anchors)


def _plain_text(inline: "Token") -> str:
    return "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})


def _resolve_links(children: "Iterable[Token]", resolve_link: Callable[[str], str]) -> "Iterator[Token]":
    """Yield the parts of a line, with resolved link targets and texts for pictures.

    CommonMark links do not nest.
    """
    target = ""
    for child in children:
        if child.type == "image":  # only its text: the gateway serves no pictures
            child.type, child.tag = "text", ""
        if child.type == "link_open":
            target = resolve_link(str(child.attrGet("href") or ""))
            child.attrSet("href", target)
        if target or child.type not in {"link_open", "link_close"}:
            yield child
