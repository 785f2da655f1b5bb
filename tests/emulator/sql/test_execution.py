from base64 import b64encode
from typing import Any

import pytest
from emulator.sql.sql_client import filing, query

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import SITES, SYDNEY
from gateway.emulator.sql.commands import Submission
from gateway.emulator.sql.engine import Execution, ExecutionLog
from gateway.emulator.sql.execution import (
    SqlContext,
    conversion_error,
    refuse_at_submission,
    run_command,
)
from gateway.emulator.sql.query_error import EMPTY_TEXT, QueryError

TITLE = {"name": "@Title", "type": "NVarChar", "value": "Letter"}


def context(**variants: Any) -> SqlContext:
    return SqlContext(SITES[SYDNEY], EmulatorSettings(variants=Variants(**variants)), ExecutionLog())


def test_select_outside_of_the_interpreter_returns_fixed_rows() -> None:
    execution = run_command(context(sql_rows=3), query("SELECT a FROM b")["command"])
    assert isinstance(execution, Execution)
    assert [row["Answer"] for row in execution.rows] == [1, 2, 3]


def test_error_of_sql_server_has_its_number() -> None:
    error = run_command(context(), query("EXECUTE dbo.Nonsense")["command"])
    assert isinstance(error, QueryError)
    assert (error.errorType, error.errorCode) == ("mssql", 2812)


def test_empty_text_is_an_error_of_halo_link() -> None:
    assert run_command(context(), query("  ")["command"]) is EMPTY_TEXT


@pytest.mark.parametrize(
    ("encoding", "value", "is_read"),
    [
        ("both", "0x4142", True),
        ("both", "QUI=", True),
        ("base64", "QUI=", True),
        ("base64", "0x4142", False),
        ("hex", "0x4142", True),
        ("hex", "QUI=", False),
    ],
)
def test_binary_values_are_read_in_the_encoding_of_the_variant(
    encoding: str, value: str, is_read: bool
) -> None:
    site = context(sql_binary_values=encoding)
    if is_read:
        assert isinstance(run_command(site, filing(value)["command"]), Execution)
        (run,) = site.log.runs()
        assert run["arguments"]["@Content"]["value"] == "QUI="
    else:
        with pytest.raises(Refusal, match="Please correct your request and try again"):
            run_command(site, filing(value)["command"])
        assert site.log.runs() == []


def test_text_takes_parameters_unless_the_variant_says_no() -> None:
    command = query("SELECT @Title AS Title", parameters=[TITLE])["command"]
    execution = run_command(context(), command)
    assert isinstance(execution, Execution)
    assert execution.rows == [{"Title": "Letter"}]
    with pytest.raises(Refusal):
        run_command(context(sql_text_parameters=False), command)


def test_conversion_error_depends_on_the_fault() -> None:
    large = Submission(filing(b64encode(bytes(8_001)).decode())["command"], 0, 0)
    broken, repaired = context(), context()
    repaired = repaired._replace(settings=EmulatorSettings(faults={"sql-parameter-conversion": False}))
    assert conversion_error(repaired, large) is None
    error = conversion_error(broken, large)
    assert error is not None
    with pytest.raises(Refusal):
        refuse_at_submission(broken, error)
    refuse_at_submission(context(sql_conversion_error="as-state"), error)
