"""Aliases that would be taken for other practices."""

from pathlib import Path

import pytest

from gateway.settings import ConfigurationError, Settings, load
from gateway.settings.site_names import alias_problems

ONE, OTHER = "0a1b2c3d-0000-4000-8000-00000000000b", "11111111-0000-4000-8000-00000000000b"


@pytest.mark.parametrize("alias", ["mnt/bne", "mnt", "unproved", "11111111", "22222222", "22222222-0", OTHER])
def test_name_that_the_gateway_makes_itself_is_refused(alias: str) -> None:
    (line,) = alias_problems({ONE: alias, OTHER: "bne"}, ["mnt"])
    assert line.startswith(f"sites.{ONE}.name: the gateway gives this name")


@pytest.mark.parametrize(
    "alias",
    ["Mnt", " MNT /bne", "\uff4d\uff4e\uff54\uff0fbne", "UNPROVED", "Abcdef12", "\uff11" * 8, f" {OTHER} "],
)
def test_name_similar_to_one_of_the_gateway_is_refused(alias: str) -> None:
    (line,) = alias_problems({ONE: alias, OTHER: "bne"}, ["mnt"])
    assert line.startswith(f"sites.{ONE}.name: the gateway gives this name")


def test_upstream_is_compared_without_case_too() -> None:
    assert len(list(alias_problems({ONE: "mnt"}, ["MNT"]))) == 1


def test_two_practices_with_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[sites.{ONE}]\nname = "bne"\n[sites.{OTHER}]\nname = "bne"\n')
    with pytest.raises(ConfigurationError, match=rf"^sites\.{OTHER}\.name: sites\.{ONE} has this name"):
        load(file)


def test_other_names_are_accepted() -> None:
    assert list(alias_problems({ONE: "bne", OTHER: "11111111"}, ["mnt"])) == []
    assert list(alias_problems({ONE: "0A1B2C3D", OTHER: "1111111"}, ["mnt"])) == []
    assert list(alias_problems({ONE: "a/b (c)", OTHER: ""}, ["mnt"])) == []
    assert list(alias_problems({ONE: "perth 1", OTHER: "perth1"}, [])) == []
    assert list(alias_problems({ONE: "", OTHER: ""}, [])) == []


@pytest.mark.parametrize(
    ("alias", "other"),
    [("Perth", "perth"), ("perth 1", " perth 1 "), ("Caf\u00e9", "Cafe\u0301"), ("STRASSE", "stra\u00dfe")],
)
def test_alias_that_looks_like_another_is_refused(alias: str, other: str) -> None:
    (line,) = alias_problems({ONE: alias, OTHER: other}, [])
    assert line.startswith(f"sites.{OTHER}.name: sites.{ONE} has a name that is too similar")


def test_similar_aliases_are_refused_in_a_configuration() -> None:
    sites = {ONE: {"name": "Perth"}, OTHER: {"name": "perth"}}
    with pytest.raises(ValueError, match="too similar"):
        Settings.model_validate({"upstream": {"url": "https://halo.example"}, "sites": sites})
