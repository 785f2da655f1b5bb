"""Settings of writes."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Server, Settings, Sql, Writes


@pytest.mark.parametrize("validation", ["off", "warn", "refuse"])
def test_validation_mode_is_valid(validation: str) -> None:
    assert Writes.model_validate({"validation": validation}).validation == validation


def test_validation_is_off_by_default() -> None:
    assert Settings().writes.validation == "off"


WITHOUT_FHIR_RESOURCES = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "fhir":
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
from gateway.cli.commands import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("validation", "code"), [("off", 0), ("warn", 1), ("refuse", 1)])
@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_validation_without_its_extra_is_a_problem(
    tmp_path: Path, command: str, validation: str, code: int
) -> None:
    if (command, validation) == ("serve", "off"):
        return
    (tmp_path / "gateway.toml").write_text(f"[writes]\nvalidation = '{validation}'")
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_FHIR_RESOURCES, command, "--config", str(tmp_path / "gateway.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == code
    assert ("writes.validation: this needs fhir.resources" in result.stderr) is bool(code)
    assert ("pip install 'halo-gateway[validation]'" in result.stderr) is bool(code)


def test_total_of_bodies_has_room_for_the_largest() -> None:
    assert Settings(server=Server(max_body=20_000_000), sql=Sql(max_body=21_000_000)).sql.max_body
    for sections in ({"server": {"max_body": 22_000_000}}, {"sql": {"max_body": 22_000_000}}):
        name = f"{next(iter(sections))}.max_body"
        with pytest.raises(ValidationError, match=f"server.max_total_body: must be at least .* {name}"):
            Settings.model_validate(sections)
