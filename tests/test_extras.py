"""Extras: the table agrees with pyproject.toml, and a missing package is named in one line."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway.extras import EXTRAS, MissingExtraError, require_extra

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
#: Runs a command of the gateway in an interpreter that cannot import one module.
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] or name.startswith(sys.argv[1] + "."):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
from gateway.cli.commands import main
main(sys.argv[2:])
"""


def distributions(extra: str) -> set[str]:
    """The distributions that an extra brings, with those of the extras it names."""
    declared = [Requirement(text) for text in DECLARED[extra]]
    nested = [inner for each in declared for inner in each.extras if each.name == "halo-gateway"]
    own = {canonicalize_name(each.name) for each in declared if each.name != "halo-gateway"}
    return own.union(*map(distributions, nested))


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_pyproject_declares(extra: str) -> None:
    owners = {"fhir.resources": "fhir-resources"} | {
        module: canonicalize_name(found[0]) for module, found in packages_distributions().items()
    }
    outside = {owners[module] for module in EXTRAS[extra] if not module.startswith("gateway.")}
    assert outside == distributions(extra)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_installed_extra_is_no_problem(extra: str) -> None:
    require_extra(extra)


def test_a_missing_parent_package_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "validation", ("absent.package",))
    with pytest.raises(MissingExtraError, match=r"pip install 'halo-gateway\[validation\]'"):
        require_extra("validation")


@pytest.mark.parametrize(
    ("command", "extra", "module"),
    [
        *(("emulate", "emulator", module) for module in EXTRAS["emulator"]),
        *(("demo", "demo", module) for module in EXTRAS["demo"]),
        ("validate -", "validation", "fhir.resources"),
    ],
)
def test_a_command_without_its_extra_says_in_one_line_what_to_install(
    command: str, extra: str, module: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *command.split()],
        capture_output=True,
        text=True,
        check=False,
        input="{}",
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert f"pip install 'halo-gateway[{extra}]'" in ran.stderr
