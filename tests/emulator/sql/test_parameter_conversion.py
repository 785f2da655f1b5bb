from base64 import b64encode
from typing import Any

import pytest

from gateway.emulator.sql.parameter_conversion import has_large_value


def command(kind: str, value: str | None, **fields: Any) -> dict[str, Any]:
    parameter = {"name": "@x", "type": kind, "value": value} | fields
    return {"type": "storedProcedure", "text": "p", "parameters": [parameter]}


def base64(size: int) -> str:
    return b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("VarBinary", base64(8_000), False),
        ("VarBinary", base64(8_001), True),
        ("VarBinary", "0x" + "00" * 8_001, True),
        ("VarBinary", "not base64" * 9_000, False),
        ("VarBinary", None, False),
        ("NVarChar", "é" * 4_000, False),
        ("NVarChar", "é" * 4_001, True),
        ("NVarChar", "😀" * 2_001, True),
        ("NVarChar", "\ud800" * 4_001, True),
        ("VarChar", "e" * 9_000, False),
    ],
)
def test_limit_is_in_bytes_and_in_utf16_units(kind: str, value: str | None, expected: bool) -> None:
    assert has_large_value(command(kind, value), "either") is expected


def test_only_inputs_of_stored_procedures_are_refused() -> None:
    large = command("NVarChar", "e" * 4_001)
    assert not has_large_value({**large, "type": "text"}, "either")
    assert not has_large_value(command("NVarChar", "e" * 4_001, direction="output"), "either")
    assert has_large_value(command("NVarChar", "e" * 4_001, direction="inputOutput"), "either")
    assert has_large_value({"parameters": [*large["parameters"]], "type": "storedProcedure"}, "either")


def test_size_follows_the_encoding_that_the_site_reads() -> None:
    text = "0x" + "00" * 8_002  # of a length that base64 does not have
    assert has_large_value(command("VarBinary", text), "hex")
    assert not has_large_value(command("VarBinary", text), "base64")
