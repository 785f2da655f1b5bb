"""Extras: the table matches pyproject.toml, and an error names a missing package in one line."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway.extras import EXTRAS, MissingExtraError, require_extra

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED_EXTRAS = PROJECT["optional-dependencies"]
#: Distributions of modules inside packages that several distributions share.
_OWNERS = {
    "fhir.resources": "fhir-resources",
    "opentelemetry.sdk.trace": "opentelemetry-sdk",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
}
#: Runs a command of the gateway in an interpreter that cannot import one module.
RUN_WITHOUT_MODULE = """
import sys
from importlib.abc import MetaPathFinder

class MissingModule(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] or name.startswith(sys.argv[1] + "."):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, MissingModule())
from gateway.cli.commands import main
main(sys.argv[2:])
"""


def distributions(extra: str) -> set[str]:
    """Distributions of an extra, including those of the extras it requires."""
    required = [Requirement(text) for text in DECLARED_EXTRAS[extra]]
    nested = [name for item in required for name in item.extras if item.name == "halo-gateway"]
    own = {canonicalize_name(item.name) for item in required if item.name != "halo-gateway"}
    return own.union(*map(distributions, nested))


@pytest.mark.parametrize("extra", EXTRAS)
def test_extra_has_the_distributions_of_pyproject(extra: str) -> None:
    owners = _OWNERS | {
        module: canonicalize_name(names[0]) for module, names in packages_distributions().items()
    }
    modules = [module for module in EXTRAS[extra] if not module.startswith("gateway.")]
    assert {owners[module] for module in modules} == distributions(extra)


@pytest.mark.parametrize("extra", EXTRAS)
def test_installed_extra_raises_nothing(extra: str) -> None:
    require_extra(extra)


def test_missing_parent_package_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_command_without_its_extra_names_it_in_one_line(command: str, extra: str, module: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT_MODULE, module, *command.split()],
        capture_output=True,
        text=True,
        check=False,
        input="{}",
        timeout=60,
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.count("\n") == 1
    assert f"pip install 'halo-gateway[{extra}]'" in process.stderr
