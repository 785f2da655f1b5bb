"""Which right name is nearest to a misspelt one."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings
from gateway.settings.names import SettingName, all_names, setting_exists
from gateway.settings.nearest import nearest_name

KEYS = {"<guid>": "0a1b2c3d-0000-4000-8000-00000000000a", "<name>": "hg", "<digits>": "0a1b2c3d", "[]": "0"}
RIGHT = [tuple(KEYS.get(each, each) for each in name) for name in all_names(Settings) if name[-1] not in KEYS]
LETTERS = "aesxk_"


def slips(word: str) -> Iterator[str]:
    """A word with one letter missing, added, wrong or swapped with the next."""
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        yield from (head + letter + tail for letter in LETTERS)
        yield from (head + letter + tail[1:] for letter in LETTERS)
        yield head + tail[1:]
        yield head + tail[1:2] + tail[:1] + tail[2:]


def misspelt(name: SettingName) -> list[SettingName]:
    wrong = {(*name[:-1], word) for word in slips(name[-1]) if word and "__" not in word}
    return sorted(each for each in wrong if not setting_exists(Settings, each))


@pytest.mark.parametrize("joint", [".", "__"])
def test_nearly_every_slip_finds_its_right_name(joint: str) -> None:
    wrong = [(right, name) for right in RIGHT for name in misspelt(right)][::7]
    missed = [name for right, name in wrong if nearest_name(Settings, name, joint) != right]
    assert len(wrong) > 1_000
    assert len(missed) <= 0.005 * len(wrong), missed


@given(st.sampled_from(RIGHT), st.data())
def test_slip_is_judged_alike_in_file_and_environment(right: SettingName, data: st.DataObject) -> None:
    wrong = data.draw(st.sampled_from(misspelt(right)))
    found = nearest_name(Settings, wrong, ".")
    assert found == nearest_name(Settings, wrong, "__")
    assert found is not None
    assert found[:-1] == right[:-1]


@pytest.mark.parametrize(
    ("name", "right"),
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
def test_nearest_name_is_found(name: str, right: str) -> None:
    assert ".".join(nearest_name(Settings, tuple(name.split(".")), ".") or ()) == right
