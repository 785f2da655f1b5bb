"""The Python of docs/sql-passthrough.md, as an integrator copies it: httpx files a document."""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import KEY, ROOT, Pair

from gateway.emulator.sites import SYDNEY

PAGE = (ROOT / "docs" / "sql-passthrough.md").read_text(encoding="utf-8")
(SOURCE,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CONTENT = bytes(range(256)) * 4_000  # a megabyte


def file_document(url: str, content: bytes, title: str = "Discharge summary") -> Any:
    """Run the page's function."""
    names: dict[str, Any] = {}
    exec(SOURCE, names)  # noqa: S102 - our own page
    function: Callable[..., Any] = names["file_document"]
    return function(url, SYDNEY, KEY["Ocp-Apim-Subscription-Key"], 1, title, content)


def filed(pair: Pair) -> list[dict[str, Any]]:
    """Arguments of each execution of the procedure."""
    executions = pair.emulator.control("GET", "executions")
    return [each["arguments"] for each in executions if each["procedure"] == "dbo.FileDocument"]


def test_large_document_is_filed_once_and_unchanged(pair: Pair) -> None:
    result = file_document(pair.url, CONTENT, "D'Arcy: O\u2019Brien 😀")
    (arguments,) = filed(pair)
    assert b64decode(arguments["@Content"]["value"]) == CONTENT
    assert arguments["@Title"]["value"] == "D'Arcy: O\u2019Brien 😀"
    (document_id,) = result["parameters"]
    assert (document_id["name"], document_id["direction"]) == ("@DocumentId", "output")


def test_small_document_is_filed_as_before(pair: Pair) -> None:
    direct = file_document(pair.emulator.url, CONTENT[:8_000])
    through_gateway = file_document(pair.url, CONTENT[:8_000])
    assert [b64decode(each["@Content"]["value"]) for each in filed(pair)] == [CONTENT[:8_000]] * 2
    assert direct["parameters"][0].keys() == through_gateway["parameters"][0].keys()


def test_large_document_without_gateway_is_refused(pair: Pair) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        file_document(pair.emulator.url, CONTENT)
    assert filed(pair) == []
