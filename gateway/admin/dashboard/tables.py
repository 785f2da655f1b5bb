"""HTML tables of the dashboard: each has a caption for screen readers, and scrolls by itself."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup, escape

from gateway.admin.reach import MISSING_WORKERS

_TABLE_HTML = Markup(
    '<div class="table" role="region" aria-label="{caption}" tabindex="0"><table>\n'
    "<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
)
_HEAD_CELL: Final = Markup('<th scope="col"{}>{}</th>')
_NUMBER: Final = Markup(' class="right"')
_NONE_HTML = Markup('<p class="note">{}</p>\n')
_PAGES_HTML = Markup('<nav aria-label="Pages" class="pages">{}</nav>\n')
_PAGE_HTML = Markup('<a href="?{}" rel="{}">{}</a> ')

_MISSING_HTML = Markup(
    '<p class="fail" role="status">These workers did not answer in half a second: {}. What only they count or'
    " know is missing here. Load the page again.</p>\n"
)

Cell = str | Markup


class Column(str):
    """Title of a column of text."""

    __slots__ = ()
    attributes = Markup()


class NumberColumn(Column):
    """Title of a column of numbers."""

    __slots__ = ()
    attributes = _NUMBER


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], empty: str) -> Markup:
    """Return a table whose first column names the rows, or the text `empty` without rows."""
    cells = ["".join(_cells(columns, row)) for row in rows]
    if not cells:
        return _NONE_HTML.format(empty)
    head = Markup().join(_HEAD_CELL.format(column.attributes, column) for column in columns)
    body = Markup("".join(f"<tr>{row}</tr>\n" for row in cells))  # noqa: S704 - each cell is escaped
    return _TABLE_HTML.format(caption=caption, head=head, rows=body)


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> Iterable[str]:
    for number, (column, cell) in enumerate(zip(columns, row, strict=True)):
        name = 'th scope="row"' if number == 0 else "td"
        yield f"<{name}{column.attributes}>{escape(cell)}</{name[:2]}>"


def missing_note(fields: Mapping[str, Any]) -> Markup:
    """Return which workers did not answer, so that JSON of an endpoint lacks what only they know."""
    numbers = ", ".join(str(number) for number in fields.get(MISSING_WORKERS, ()))
    return _MISSING_HTML.format(numbers) if numbers else Markup()


def page_links(parameters: Mapping[str, str], number: int, count: int) -> Markup:
    """Return the links to the pages before and after one of several, with the parameters of this one."""
    if count == 1:
        return Markup()
    steps = [("prev", number - 1, "Previous page"), ("next", number + 1, "Next page")]
    links = (
        _PAGE_HTML.format(urlencode({**parameters, "page": step}), rel, text)
        for rel, step, text in steps
        if 1 <= step <= count
    )
    return _PAGES_HTML.format(Markup().join((*links, f"Page {number:,} of {count:,}")))
