"""Nearest existing names to misspelt ones."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings
from gateway.settings.names import SettingName, all_names, setting_exists
from gateway.settings.nearest import nearest_name

KEYS = {"<guid>": "0a1b2c3d-0000-4000-8000-00000000000a", "<name>": "hg", "<digits>": "0a1b2c3d", "[]": "0"}
NAMES = [
    tuple(KEYS.get(segment, segment) for segment in name)
    for name in all_names(Settings)
    if name[-1] not in KEYS
]
LETTERS = "aesxk_"


def misspellings(word: str) -> Iterator[str]:
    """A word with one letter missing, added, wrong or swapped with the next."""
    for position in range(len(word) + 1):
        head, tail = word[:position], word[position:]
        yield from (head + letter + tail for letter in LETTERS)
        yield from (head + letter + tail[1:] for letter in LETTERS)
        yield head + tail[1:]
        yield head + tail[1:2] + tail[:1] + tail[2:]


def misspelt_names(name: SettingName) -> list[SettingName]:
    names = {(*name[:-1], word) for word in misspellings(name[-1]) if word and "__" not in word}
    return sorted(misspelt for misspelt in names if not setting_exists(Settings, misspelt))


@pytest.mark.parametrize("separator", [".", "__"])
def test_nearly_every_typing_error_finds_its_name(separator: str) -> None:
    cases = [(name, misspelt) for name in NAMES for misspelt in misspelt_names(name)][::7]
    failures = [misspelt for name, misspelt in cases if nearest_name(Settings, misspelt, separator) != name]
    assert len(cases) > 1_000
    assert len(failures) <= 0.005 * len(cases), failures


@given(st.sampled_from(NAMES), st.data())
def test_file_and_environment_find_the_same_name(name: SettingName, data: st.DataObject) -> None:
    misspelt = data.draw(st.sampled_from(misspelt_names(name)))
    nearest = nearest_name(Settings, misspelt, ".")
    assert nearest == nearest_name(Settings, misspelt, "__")
    assert nearest is not None
    assert nearest[:-1] == name[:-1]


@pytest.mark.parametrize(
    ("misspelt", "name"),
    [
        ("upstrem.url", "upstream.url"),
        ("upstream.timeout.read", "upstream.timeouts.read"),
        ("sites.defualt.tiem_zone", "sites.default.time_zone"),
        ("UPSTREAM.URL", "upstream.url"),
        ("upstream.url.x", "upstream.url"),
        ("cache.redis_url", "cache.redis.url"),
        ("redis.url", "cache.redis.url"),
        ("nonsense", ""),
        ("server.prot", ""),
    ],
)
def test_misspelt_name_finds_the_nearest(misspelt: str, name: str) -> None:
    assert ".".join(nearest_name(Settings, tuple(misspelt.split(".")), ".") or ()) == name
