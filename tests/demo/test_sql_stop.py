"""Comparison of the filed document; the tour's own test files it."""

from base64 import b64encode
from typing import Any

import pytest

from gateway.demo.sql_stop import DOCUMENT, compare_content


def execution(content: bytes, procedure: str = "dbo.FileDocument") -> dict[str, Any]:
    value = {"type": "varbinary(max)", "value": b64encode(content).decode()}
    return {"procedure": procedure, "arguments": {"@Content": value}}


def test_document_has_three_million_bytes() -> None:
    assert len(DOCUMENT) == 3_000_000


def test_same_bytes_once_are_right() -> None:
    text, is_right = compare_content([execution(b"", "dbo.AddNote"), execution(DOCUMENT)])
    assert (text, is_right) == ("the procedure got the same bytes, once", True)


@pytest.mark.parametrize(
    "executions",
    [
        [],
        [execution(DOCUMENT[:-1])],
        [execution(DOCUMENT[:-1] + b"x")],
        [execution(DOCUMENT), execution(DOCUMENT)],
        [execution(DOCUMENT, "dbo.AddNote")],
    ],
    ids=["none", "shorter", "changed", "twice", "other procedure"],
)
def test_anything_else_is_wrong(executions: list[dict[str, Any]]) -> None:
    text, is_right = compare_content(executions)
    assert not is_right
    assert f"RAN {sum(each['procedure'] == 'dbo.FileDocument' for each in executions)} TIMES" in text
