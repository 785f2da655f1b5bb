from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from gateway.emulator.injected_faults import FaultKind
from gateway.emulator.settings import (
    DOCUMENTED_FAULTS,
    EmulatorSettings,
    ETags,
    LastUpdatedStyle,
    LinkForm,
    NextLink,
    Paging,
    RegisteredRuns,
    SelfForm,
    SqlBinaryValues,
    SqlConversionError,
    SqlProgress,
    StoredPrecision,
    Totals,
    Variants,
    WebhookRuns,
    apply_merge_patch,
    from_toml,
)
from gateway.emulator.sites import BRISBANE, PERTH

TOML = f"""
patients = 20
[faults]
"link-base-url" = false
[variants]
paging = "offset"
[sites."{PERTH}"]
size_limit = 1000
[sites."{PERTH}".faults]
"link-base-url" = true
[sites."{PERTH}".variants]
paging = "page"
"""


def test_toml_file_sets_settings(tmp_path: Path) -> None:
    path = tmp_path / "emulator.toml"
    path.write_text(TOML)
    settings = from_toml(path)
    assert settings.patients == 20
    assert [settings.is_fault_enabled("link-base-url", guid) for guid in (BRISBANE, PERTH)] == [False, True]
    assert [settings.variants_at(guid).paging for guid in (BRISBANE, PERTH)] == ["offset", "page"]
    assert settings.site_override(PERTH).size_limit == 1000


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"patients = 'many'\n[variants]\npaging = 'never'\n", ["patients: ", "variants.paging: "]),
        (b"[faults]\nnonsense = true\n", ["faults: no such fault: nonsense"]),
        (b"patients = [", ["emulator.toml: "]),
        (b"\xff\xfe", ["emulator.toml: "]),
    ],
)
def test_error_of_file_names_all_problems(content: bytes, problems: list[str], tmp_path: Path) -> None:
    path = tmp_path / "emulator.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"emulator\.toml") as excinfo:
        from_toml(path)
    assert not isinstance(excinfo.value, ValidationError)
    for problem in problems:
        assert problem in str(excinfo.value)


def test_documented_faults_are_on_by_default() -> None:
    assert all(EmulatorSettings().is_fault_enabled(fault, BRISBANE) for fault in DOCUMENTED_FAULTS)


def test_merge_patch_returns_new_settings() -> None:
    settings = EmulatorSettings(faults={"link-base-url": False})
    new_settings = apply_merge_patch(settings, {"faults": {"error-envelope": False}, "keys": ["k"]})
    assert new_settings.faults == {"link-base-url": False, "error-envelope": False}
    assert new_settings.keys == ("k",)
    assert settings.faults == {"link-base-url": False}
    with pytest.raises(ValidationError):
        settings.patients = 7  # type: ignore[misc] # the test asserts immutability


def test_all_settings_are_documented() -> None:
    pages = (Path(__file__).parents[2] / "docs" / name for name in ("emulator.md", "known-issues.md"))
    text = "".join(page.read_text() for page in pages)
    names = {*DOCUMENTED_FAULTS, *Variants.model_fields, *EmulatorSettings.model_fields}
    literals = (FaultKind, LinkForm, LastUpdatedStyle, Paging, SelfForm, Totals, NextLink, ETags)
    sql = (SqlBinaryValues, SqlConversionError, SqlProgress, RegisteredRuns, WebhookRuns)
    values = {value for kind in (*literals, *sql, StoredPrecision) for value in get_args(kind)}
    assert {name for name in names | values if f"`{name}`" not in text} <= {"faults", "variants", "sites"}
