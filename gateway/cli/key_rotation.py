"""Rotation of a list of keys in three steps: which one comes next, and what to set.

The advice shows no key that exists.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Final, NamedTuple

_RANDOM_BYTES: Final = 32
_DATE_FORMAT: Final = "%Y%m%d%H%M%S"
_RESTART: Final = "Then restart the replicas one after the other, in any order."
_NO_KEY: Final = """\
{setting} has no key, so there is nothing to rotate. Set one, the same at all replicas:

{to_set}"""
_STEP_1: Final = f"""\
Step 1 of 3: {{setting}} has one key. Add the new key BEHIND it, at every replica:

{{to_set}}

{_RESTART} The first key encrypts, all keys
decrypt: they learn to read what the new key will encrypt.
Only when ALL of them have both keys, run this command again for step 2."""
_STEP_2: Final = f"""\
Step 2 of 3: the new key of {{setting}} is key {{number}}. If ALL replicas have it, move it to the FRONT:

{{to_set}}

{_RESTART}
Wait {{lifetime}} after the last restart, then run this command again for step 3."""
_STEP_3: Final = f"""\
Step 3 of 3: the new key of {{setting}} is the first. Once all replicas have had it there for
{{lifetime}}, remove the others:

{{to_set}}

{_RESTART} The rotation is then complete."""
_UNKNOWN_STEP: Final = """\
{setting} has {count} keys, and they do not say which is new: {reason}
If the LAST key is the new one, and ALL replicas have it, step 2 comes next: move it to the front.
If the FIRST key is the new one, step 3 comes next: remove the others, once all replicas have had it
there for {lifetime}."""
_NOT_ALL_DATED: Final = """

`halo-gateway keys new` did not make all of these keys. If one that it did not make is the new one, do NOT do
this: move that key to the front if it is not there; remove the others once all replicas have had it there."""
_NO_TIMES: Final = "`halo-gateway keys new` did not make it."
_TIME_AHEAD: Final = "the time of\nkey {number} is in the future, so a clock was or is wrong."
_DATED_KEY: Final = re.compile(r"(2\d{13})-[A-Za-z0-9_-]{43}", re.ASCII)
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


def new_key(now: datetime) -> str:
    """Return a key: its time in UTC, by which a rotation knows the newest, and 32 random bytes."""
    return f"{now.astimezone(UTC).strftime(_DATE_FORMAT)}-{token_urlsafe(_RANDOM_BYTES)}"


def newer_key(keys: Sequence[str], now: datetime) -> str:
    """Return a new key whose time is after those of the present ones, also if a clock was ahead."""
    return new_key(max([now, *(made_at(key) + timedelta(seconds=1) for key in keys)]))


def made_at(key: str) -> datetime:
    """Return when a key of `new_key` was made; the year 1 for any other key."""
    match = _DATED_KEY.fullmatch(key)
    try:
        return datetime.strptime(match[1], _DATE_FORMAT).replace(tzinfo=UTC) if match else _NO_TIME
    except ValueError:
        return _NO_TIME


class KeyList(NamedTuple):
    """A list of keys in the configuration.

    `variable`: the environment variable that sets it, if one does: its own, or that of its section in JSON.
    `lifetime`: of what the keys protect.
    """

    setting: str
    keys: Sequence[str]
    variable: str
    lifetime: str


def rotation_advice(key_list: KeyList, key: str, now: datetime) -> str:
    """Return which step of the rotation comes next, and what to set; `key` is one of `newer_key`."""
    count = len(key_list.keys)
    if count == 0:
        return _first_key(key_list, key)
    if count == 1:
        return _step_1(key_list, key)
    times = [made_at(each) for each in key_list.keys]
    newest = times.index(max(times))
    reason = _why_unknown(times, newest, now)
    if reason:
        return _unknown_step(key_list, reason)
    step = _step_3(key_list) if newest == 0 else _step_2(key_list, newest)
    return step + (_NOT_ALL_DATED if _NO_TIME in times else "")


def _why_unknown(times: Sequence[datetime], newest: int, now: datetime) -> str:
    """Return why the newest time may not be that of the newest key; empty if it is.

    A time in the future beside one of the past: their clocks differ. If all are ahead, their order counts.
    """
    if times[newest] == _NO_TIME or times.count(times[newest]) > 1:
        return _NO_TIMES
    is_mixed = any(_NO_TIME < time <= now for time in times)
    return _TIME_AHEAD.format(number=newest + 1) if times[newest] > now and is_mixed else ""


def _first_key(key_list: KeyList, key: str) -> str:
    return _NO_KEY.format(setting=key_list.setting, to_set=_assignment(key_list, [f'"{key}"']))


def _step_1(key_list: KeyList, key: str) -> str:
    to_set = _assignment(key_list, ['"<the present key, unchanged>"', f'"{key}"'])
    return _STEP_1.format(setting=key_list.setting, to_set=to_set)


def _step_2(key_list: KeyList, newest: int) -> str:
    numbers = [newest, *(index for index in range(len(key_list.keys)) if index != newest)]
    return _STEP_2.format(
        setting=key_list.setting,
        number=newest + 1,
        lifetime=key_list.lifetime,
        to_set=_assignment(key_list, [f'"<key {number + 1}>"' for number in numbers]),
    )


def _step_3(key_list: KeyList) -> str:
    return _STEP_3.format(
        setting=key_list.setting,
        lifetime=key_list.lifetime,
        to_set=_assignment(key_list, ['"<key 1, unchanged>"']),
    )


def _unknown_step(key_list: KeyList, reason: str) -> str:
    return _UNKNOWN_STEP.format(
        setting=key_list.setting, count=len(key_list.keys), reason=reason, lifetime=key_list.lifetime
    )


def _assignment(key_list: KeyList, keys: Sequence[str]) -> str:
    """Return what to write, in the form of the place where the keys are now."""
    values = ", ".join(keys)
    section, _, name = key_list.setting.rpartition(".")
    if key_list.variable.lower().endswith(name):
        return f"{key_list.variable}='[{values}]'"
    if key_list.variable:
        return f"{key_list.variable}='{{\"{name}\": [{values}], <its other members, unchanged>}}'"
    return f"[{section}]\n{name} = [{values}]"
