from pathlib import Path

import pytest
from pydantic import Field

from gateway.emulator.frozen_settings import FrozenSettings
from gateway.emulator.settings import apply_merge_patch, read_settings


class Example(FrozenSettings):
    """Settings of this test."""

    name: str = "a"
    levels: dict[str, int] = Field(default_factory=dict)


def test_settings_without_a_file_are_the_defaults() -> None:
    assert read_settings(Example, None) == Example()


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "emulator.toml"
    path.write_text('name = "b"\n[levels]\nlow = 1\n')
    assert read_settings(Example, path) == Example(name="b", levels={"low": 1})


@pytest.mark.parametrize(
    ("text", "words"), [("name = 1\nZzyzx = 2", ["name: ", "Zzyzx: "]), ("name =", ["emulator.toml: "])]
)
def test_problems_of_a_file_are_named(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "emulator.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"emulator\.toml") as raised:
        read_settings(Example, path)
    assert all(word in str(raised.value) for word in words)


def test_patch_is_merged_deeply_and_null_removes() -> None:
    before = Example(name="b", levels={"low": 1, "high": 9})
    after = apply_merge_patch(before, {"levels": {"low": None, "middle": 5}})
    assert after == Example(name="b", levels={"high": 9, "middle": 5})
    assert before.levels == {"low": 1, "high": 9}
