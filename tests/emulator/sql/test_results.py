from base64 import b64decode

import pytest

from gateway.emulator.sql.engine import Execution
from gateway.emulator.sql.results import build_result

ROWS = [{"a": number, "b": "x"} for number in range(5)]


@pytest.mark.parametrize(("page_size", "counts"), [(None, [5]), (1, [1] * 5), (40, [2, 2, 1]), (10_000, [5])])
def test_pages_hold_all_rows_within_their_size(page_size: int | None, counts: list[int]) -> None:
    result = build_result(Execution([], ROWS, -1), "reader", page_size)
    assert [page.row_count for page in result.pages] == counts
    assert [page.start for page in result.pages] == [sum(counts[:index]) for index in range(len(counts))]
    assert result.rows == len(ROWS)
    assert b"".join(page.data[1:-1] + b"," for page in result.pages).count(b'"a"') == len(ROWS)
    if page_size and page_size > 20:
        assert all(len(page.data) <= page_size for page in result.pages)


def test_result_without_rows_has_one_empty_page() -> None:
    (page,) = build_result(Execution([], [], -1), "reader", 10).pages
    assert (page.data, page.headers()["Rows-Count"], page.headers()["Rows-Range-End"]) == (b"[]", "0", "0")


def test_scalar_is_the_first_value_of_the_first_row() -> None:
    result = build_result(Execution([], ROWS, -1), "scalar", None)
    assert b64decode(result.content(result.pages[0])["data"]) == b'[{"a":0}]'


def test_non_query_has_rows_affected_and_no_data() -> None:
    parameters = [{"name": "@x", "value": "1"}]
    result = build_result(Execution(parameters, ROWS, 3), "nonQuery", None)
    assert result.counts() == {"rowsAffected": 3, "size": 0}
    assert result.content(result.pages[0]) == {"parameters": parameters}
