"""Results of queries as Halo Cloud returns them: base64 of a JSON array, whole or in pages."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gateway.emulator.sql.engine import Execution
from gateway.emulator.sql.json_text import encode_json


class Page(NamedTuple):
    """One page of a result: rows from `start` (0 is the first) as a JSON array."""

    number: int
    start: int
    row_count: int
    data: bytes

    def as_json(self) -> dict[str, Any]:
        """Describe the page in its query."""
        rows = {"count": self.row_count, "rangeStart": self.start, "rangeEnd": self._end}
        return {"pageNumber": self.number, "status": "cached", "size": len(self.data), "rows": rows}

    def headers(self) -> dict[str, str]:
        """Headers of the response that carries the page."""
        return {
            "Size": str(len(self.data)),
            "Rows-Count": str(self.row_count),
            "Rows-Range-Start": str(self.start),
            "Rows-Range-End": str(self._end),
        }

    @property
    def _end(self) -> int:
        return max(self.start, self.start + self.row_count - 1)


class Result(NamedTuple):
    """Rows in pages, output parameters, and the number of rows affected (None: the command returns rows)."""

    pages: tuple[Page, ...]
    parameters: list[dict[str, Any]]
    rows_affected: int | None

    @property
    def rows(self) -> int:
        """Number of rows on all pages."""
        return sum(page.row_count for page in self.pages)

    @property
    def size(self) -> int:
        """Size of all pages, in bytes."""
        return sum(len(page.data) for page in self.pages)

    def counts(self) -> dict[str, int]:
        """Count of rows, or of rows affected, and the size."""
        if self.rows_affected is not None:
            return {"rowsAffected": self.rows_affected, "size": self.size}
        return {"rows": self.rows, "size": self.size}

    def content(self, page: Page) -> dict[str, Any]:
        """Body of a page: base64 of its rows unless the command returns none, and output parameters."""
        data = {} if self.rows_affected is not None else {"data": b64encode(page.data).decode()}
        return {**data, "parameters": self.parameters}


def build_result(execution: Execution, mode: str, page_size: int | None) -> Result:
    """Build the result in one execution mode; pages of at most `page_size` bytes, or one page."""
    rows: Iterable[dict[str, Any]] = execution.rows
    if mode == "scalar":
        rows = [dict(list(row.items())[:1]) for row in execution.rows[:1]]
    if mode == "nonQuery":
        return Result((Page(1, 0, 0, b""),), execution.parameters, execution.rows_affected)
    return Result(tuple(_pages(map(encode_json, rows), page_size)), execution.parameters, None)


def _pages(rows: Iterator[bytes], page_size: int | None) -> Iterator[Page]:
    """Yield pages: at least one, each with at least one row if there are rows."""
    number, start, size = 1, 0, 0
    collected: list[bytes] = []
    for row in rows:
        if collected and page_size is not None and size + len(row) + 3 > page_size:
            yield Page(number, start, len(collected), _array(collected))
            number, start, size, collected = number + 1, start + len(collected), 0, []
        collected.append(row)
        size += len(row) + 1
    yield Page(number, start, len(collected), _array(collected))


def _array(rows: list[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"
