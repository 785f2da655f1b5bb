"""Steps of a rotation of keys."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.secrets import OTHER_SECRET, SECRET

from gateway.cli.key_rotation import KeyList, made_at, new_key, newer_key, rotation_advice
from gateway.settings import Paging

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
OLD, NEW, NEWEST = (new_key(NOW + timedelta(days=days)) for days in (0, 1, 2))


def advice(*keys: str, variable: str = "") -> str:
    return rotation_advice(
        KeyList("paging.keys", keys, variable, "86400 seconds"), NEWEST, NOW + timedelta(days=2)
    )


def test_new_key_is_accepted_and_says_when_it_was_made() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=10)))
    assert made_at(new_key(local)) == NOW
    assert len({new_key(NOW) for _ in range(100)}) == 100
    assert len(Paging.model_validate({"keys": [OLD, NEW]}).keys) == 2
    others = (SECRET, "", OLD + "A", "x" * 58, "20261301" + OLD[8:], "9999" + OLD[4:])
    assert {made_at(key).year for key in others} == {1}


@pytest.mark.parametrize(
    ("keys", "beginning", "to_set"),
    [
        ((), "paging.keys has no key", f'keys = ["{NEWEST}"]'),
        ((OLD,), "Step 1 of 3", f'keys = ["<the present key, unchanged>", "{NEWEST}"]'),
        ((SECRET,), "Step 1 of 3", f'keys = ["<the present key, unchanged>", "{NEWEST}"]'),
        ((OLD, NEW), "Step 2 of 3", 'keys = ["<key 2>", "<key 1>"]'),
        ((SECRET, NEW), "Step 2 of 3", 'keys = ["<key 2>", "<key 1>"]'),
        ((SECRET, NEW, OLD), "Step 2 of 3", 'keys = ["<key 2>", "<key 1>", "<key 3>"]'),
        ((NEW, OLD), "Step 3 of 3", 'keys = ["<key 1, unchanged>"]'),
        ((NEW, SECRET), "Step 3 of 3", 'keys = ["<key 1, unchanged>"]'),
        ((SECRET, OTHER_SECRET), "paging.keys has 2 keys, and they do not say which is new", ""),
    ],
    ids=lambda value: None if isinstance(value, tuple) else "",
)
def test_step_follows_from_the_keys_and_shows_none(
    keys: tuple[str, ...], beginning: str, to_set: str
) -> None:
    text = advice(*keys)
    assert text.startswith(beginning)
    assert to_set in text
    assert not any(key in text for key in keys)
    assert (NEWEST in text) == (len(keys) < 2)
    assert all(len(line) <= 110 or NEWEST in line for line in text.splitlines())


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=1), timedelta(days=30_000)])
def test_whole_rotation_ends_with_its_new_key(ahead: timedelta) -> None:
    """Also if the present key's time is in the future, or becomes the past between two steps."""
    old = new_key(NOW + ahead)
    new = newer_key([old], NOW)
    for now in (NOW + timedelta(seconds=2), NOW + timedelta(days=2)):
        for keys, number in (((old, new), 2), ((new, old), 3)):
            text = rotation_advice(KeyList("cache.keys", keys, "", "1 second"), NEWEST, now)
            assert text.startswith(f"Step {number} of 3")


@pytest.mark.parametrize("number", [1, 2])
def test_time_ahead_of_another_key_is_named(number: int) -> None:
    future = new_key(NOW + timedelta(days=9))
    text = advice(*((future, NEW) if number == 1 else (NEW, future)))
    assert text.startswith("paging.keys has 2 keys, and they do not say which is new")
    assert f"\nkey {number} is in the future" in text
    assert "remove the others, once all" in text
    assert "<key" not in text


def test_key_without_a_time_tells_nothing_of_clocks() -> None:
    future = new_key(NOW + timedelta(days=9))
    assert advice(SECRET, future).startswith("Step 2 of 3")


@pytest.mark.parametrize("keys", [(NEW, SECRET), (SECRET, NEW), (OLD, SECRET, NEW)])
def test_key_without_a_time_may_be_the_new_one(keys: tuple[str, ...]) -> None:
    assert "If one that it did not make is the new one, do NOT do\nthis" in advice(*keys)
    assert "do NOT" not in advice(OLD, NEW)


def test_keys_of_the_environment_are_set_there() -> None:
    text = advice(OLD, variable="HALO_GATEWAY_PAGING__KEYS")
    assert re.search(
        r"^HALO_GATEWAY_PAGING__KEYS='\[\"<the present key, unchanged>\", \"2026", text, re.MULTILINE
    )
    assert "[paging]" not in text


def test_both_texts_without_dates_say_how_long_to_wait() -> None:
    assert "86400 seconds" in advice(SECRET, OTHER_SECRET)
    assert "86400 seconds" in advice(OLD, NEW)
    assert "86400 seconds" in advice(NEW, OLD)
