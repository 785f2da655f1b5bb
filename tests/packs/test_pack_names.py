"""Packs of an upstream: read once, all problems at once, no id twice."""

from pathlib import Path

import pytest
from support.packs import pack_text, write_pack

from gateway.packs.pack_names import packs_of, with_packs

TYPE = 'type = "Patient"'


def rename(old: str) -> str:
    return f'{{ rename = "{old}", to = "label", reason = "The name of the vendor." }}'


def test_names_carry_their_packs(tmp_path: Path) -> None:
    path = write_pack(tmp_path, pack_text("{ limit-ids = 3 }"))
    names = with_packs(["epic", path])
    assert names == ("epic", path)
    Path(path).unlink()
    assert [pack.name for pack in packs_of(names)] == ["epic", "vendor"]
    assert packs_of(()) == ()


def test_problems_of_all_files_are_in_one_message(tmp_path: Path) -> None:
    wrong = write_pack(tmp_path, pack_text("{ limit-ids = 0 }"))
    with pytest.raises(ValueError, match="limit-ids") as refusal:
        with_packs([wrong, "no-such", str(tmp_path / "none.toml")])
    lines = str(refusal.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [wrong, "no-such", str(tmp_path / "none.toml")]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    paths = [write_pack(folder, pack_text("{ limit-ids = 3 }")) for folder in (tmp_path, tmp_path / "two")]
    with pytest.raises(ValueError, match="two files are the pack vendor"):
        with_packs(paths)


def test_two_packs_cannot_give_one_name_to_two_parameters(tmp_path: Path) -> None:
    paths = [write_pack(tmp_path, pack_text(rename(old), TYPE), old) for old in ("given", "family")]
    with pytest.raises(ValueError, match="family and given of Patient would both be label"):
        with_packs(paths)
