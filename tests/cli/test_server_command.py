import json

import click
import pytest
from click.testing import CliRunner

from gateway.cli.server_command import ServerCommand

INTERRUPTED = 2


@click.command(cls=ServerCommand)
@click.option("--port", type=int)
def run_server(port: int) -> None:
    """Run a server."""
    if port == INTERRUPTED:
        raise KeyboardInterrupt
    if port:
        raise click.ClickException("first problem\n\nsecond problem")
    click.echo("ready")


@pytest.mark.parametrize(
    ("arguments", "code", "problems"),
    [
        (["--port", "1"], 1, ["first problem", "second problem"]),
        (["--port", f"{INTERRUPTED}"], 1, ["interrupted"]),
        (["--port", "x"], 2, ["Invalid value for '--port': 'x' is not a valid integer."]),
        (["--name"], 2, ["No such option"]),
    ],
)
def test_error_of_a_server_is_logged(arguments: list[str], code: int, problems: list[str]) -> None:
    result = CliRunner().invoke(run_server, arguments)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert (result.exit_code, result.stdout) == (code, "")
    assert len(lines) == len(problems)
    assert all(line["problem"].startswith(text) for line, text in zip(lines, problems, strict=True))
    assert {(line["event"], line["level"]) for line in lines} == {("start-failed", "error")}


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_other_output_is_unchanged(arguments: list[str]) -> None:
    result = CliRunner().invoke(run_server, arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ready" in result.stdout or "Run a server." in result.stdout
