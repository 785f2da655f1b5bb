import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Admin, Settings, Writes


@pytest.mark.parametrize("listen", ["127.0.0.1:9090", "[::1]:0", "operators.example:65535"])
def test_operators_have_a_host_and_a_port(listen: str) -> None:
    assert Admin(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["", "9090", ":9090", "127.0.0.1", "127.0.0.1:65536", "http://a:1"])
def test_anything_else_is_no_address(listen: str) -> None:
    with pytest.raises(ValidationError):
        Admin(listen=listen)


@pytest.mark.parametrize("validation", ["off", "warn", "refuse"])
def test_changes_may_be_validated(validation: str) -> None:
    assert Writes.model_validate({"validation": validation}).validation == validation


def test_changes_are_not_validated_unless_asked_for() -> None:
    assert Settings().writes.validation == "off"


WITHOUT = """
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
def test_validation_without_its_extra_is_a_configuration_problem(
    tmp_path: Path, command: str, validation: str, code: int
) -> None:
    if (command, validation) == ("serve", "off"):
        return
    (tmp_path / "gateway.toml").write_text(f"[writes]\nvalidation = '{validation}'")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, command, "--config", str(tmp_path / "gateway.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == code
    assert ("writes.validation: this needs fhir.resources" in ran.stderr) is bool(code)
    assert ("pip install 'halo-gateway[validation]'" in ran.stderr) is bool(code)
