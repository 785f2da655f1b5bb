"""Aliases that would be taken for other practices."""

from pathlib import Path

import pytest

from gateway.settings import ConfigurationError, load
from gateway.settings.site_names import alias_problems

ONE, OTHER = "0a1b2c3d-0000-4000-8000-00000000000b", "11111111-0000-4000-8000-00000000000b"


@pytest.mark.parametrize("alias", ["mnt/bne", "mnt", "unproved", "11111111", "22222222", "22222222-0", OTHER])
def test_name_that_the_gateway_makes_itself_is_refused(alias: str) -> None:
    (line,) = alias_problems({ONE: alias, OTHER: "bne"}, ["mnt"])
    assert line.startswith(f"sites.{ONE}.name: the gateway gives this name")


def test_two_practices_with_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[sites.{ONE}]\nname = "bne"\n[sites.{OTHER}]\nname = "bne"\n')
    with pytest.raises(ConfigurationError, match=rf"^sites\.{OTHER}\.name: sites\.{ONE} has this name"):
        load(file)


def test_other_names_are_accepted() -> None:
    assert list(alias_problems({ONE: "bne", OTHER: "11111111"}, ["mnt"])) == []
    assert list(alias_problems({ONE: "Beef0000", OTHER: "1111111"}, ["mnt"])) == []
    assert list(alias_problems({ONE: "a/b (c)", OTHER: ""}, ["mnt"])) == []
