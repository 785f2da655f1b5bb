import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Admin, Cache, Pauses, Settings, Writes


def test_a_shared_store_needs_keys() -> None:
    with pytest.raises(ValidationError, match=r"cache\.keys"):
        Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["k"]}).redis.url


def test_url_that_no_redis_client_reads_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a URL that Redis clients read"):
        Cache.model_validate({"redis": {"url": "redis://:a/b@h:6379"}, "keys": ["k"]})


def test_secrets_are_not_shown() -> None:
    shown = repr(Cache.model_validate({"redis": {"url": "redis://:pass@h"}, "keys": ["synthetic"]}))
    assert "pass" not in shown
    assert "synthetic" not in shown


@pytest.mark.parametrize(
    "rule", [{}, {"says": "("}, {"says": "a{99999999999999999999}"}, {"says": "(" * 9_999}]
)
def test_a_rule_that_fits_nothing_or_cannot_be_read_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"rules": [{"id": "away", "seconds": 60, "scope": "site"} | rule]})


def test_a_rule_needs_words_or_a_code() -> None:
    rule = {"id": "away", "seconds": 60, "scope": "site", "code": "practice-offline"}
    assert Pauses.model_validate({"rules": [rule]}).rules[0].code == "practice-offline"


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
from gateway.__main__ import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("validation", "code"), [("off", 0), ("warn", 1), ("refuse", 1)])
@pytest.mark.parametrize("command", ["check", "serve"])
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
