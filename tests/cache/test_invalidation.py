"""Invalidation counters: writes, dropped values, shared reads."""

import asyncio
from math import inf

import pytest

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.invalidation import InvalidationCounters
from gateway.stores.channel import Listener
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

SITE = "s"


@pytest.mark.parametrize(
    ("tags", "written_tags", "is_current"),
    [
        (["Patient"], ["Slot"], True),
        (["Patient"], ["Patient"], False),
        (["Patient", "Slot"], ["Slot"], False),
        (["Patient"], [ANY_TYPE], False),
        ([ANY_TYPE], ["Slot"], False),
        (["Patient", ANY_TYPE], ["Slot"], False),
    ],
)
async def test_write_changes_counters_of_its_tags(
    tags: list[str], written_tags: list[str], *, is_current: bool
) -> None:
    store = MemoryStore()
    counters, replica_counters = InvalidationCounters(store), InvalidationCounters(store)
    snapshot, marks = await counters.snapshot(SITE, tags), counters.local_marks(SITE, tags)
    assert await counters.is_current(SITE, snapshot.counters)
    await counters.increment("another site", written_tags)
    assert await counters.is_current(SITE, snapshot.counters)
    assert counters.local_marks(SITE, tags) == marks
    await replica_counters.increment(SITE, written_tags)
    assert await counters.is_current(SITE, snapshot.counters) is is_current
    assert await counters.confirm(SITE, snapshot, tags) == (snapshot.counters if is_current else None)
    await counters.increment(SITE, written_tags)
    assert (counters.local_marks(SITE, tags) == marks) is is_current


async def test_new_tags_are_confirmed_only_without_any_write() -> None:
    counters = InvalidationCounters(MemoryStore())
    await counters.increment(SITE, ["Practitioner"])
    snapshot = await counters.snapshot(SITE, ["Patient"])
    confirmed = await counters.confirm(SITE, snapshot, ["Patient", "Practitioner"])
    assert confirmed == {**snapshot.counters, **(await counters.snapshot(SITE, ["Practitioner"])).counters}
    assert confirmed["Practitioner"] > 0
    await counters.increment(SITE, ["Slot"])
    assert await counters.confirm(SITE, snapshot, ["Patient", "Practitioner"]) is None
    assert await counters.confirm(SITE, snapshot, ["Patient"]) == snapshot.counters


async def test_dropped_counter_does_not_reach_old_value() -> None:
    counters, new_counters = InvalidationCounters(MemoryStore()), InvalidationCounters(MemoryStore())
    await counters.increment(SITE, ["Patient"])
    snapshot = await counters.snapshot(SITE, ["Patient"])
    await new_counters.increment(SITE, ["Patient"])
    assert not await new_counters.is_current(SITE, snapshot.counters)


class CreatingStore(MemoryStore):
    """Counters as in Redis: a missing one has no number until an increment, also of 0, creates it."""

    def __init__(self, numbers: dict[str, int] | None = None) -> None:
        super().__init__()
        self.numbers = {} if numbers is None else numbers

    async def increment(self, name: str, amount: int, seconds: float) -> int:  # noqa: ARG002 - nothing expires
        self.numbers[name] = self.numbers.get(name, len(self.numbers) * 2**40) + amount
        return self.numbers[name]

    async def read_invalidations(self, name: str, seconds: float) -> int | None:  # noqa: ARG002 - same
        return self.numbers.get(name)


async def test_request_alone_creates_the_counter_of_its_site_only() -> None:
    store = CreatingStore()
    snapshot = await InvalidationCounters(store).snapshot(SITE, ["Patient", "patient/1"])
    assert list(store.numbers) == [f"counter/{SITE}/all"]
    assert (snapshot.counters, snapshot.missing) == ({"all": 0}, ("*", "Patient", "patient/1"))


@pytest.mark.parametrize("written_tag", ["Patient", "patient/1", ANY_TYPE, "Slot", "patient/*"])
async def test_all_missing_counters_are_confirmed(written_tag: str) -> None:
    """Two responses that were requested before the counters existed depend on the same ones."""
    counters = InvalidationCounters(CreatingStore())
    snapshots = [await counters.snapshot(SITE, ["Patient", "patient/1"]) for _ in range(2)]
    one, other = [await counters.confirm(SITE, snapshot, ["Patient", "Slot"]) for snapshot in snapshots]
    assert one == other
    assert one
    assert {*one} == {"all", "*", "Patient", "patient/1", "Slot"}
    assert await counters.is_current(SITE, one)
    await counters.increment(SITE, [written_tag])
    assert await counters.is_current(SITE, one) is (written_tag == "patient/*")


async def test_write_before_missing_counters_are_read_ends_the_response() -> None:
    counters = InvalidationCounters(CreatingStore())
    snapshot = await counters.snapshot(SITE, ["Patient"])
    await counters.increment(SITE, ["Patient"])
    assert await counters.confirm(SITE, snapshot, ["Patient"]) is None
    assert await counters.confirm(SITE, snapshot, []) is None


async def test_missing_counters_are_no_earlier_ones() -> None:
    """Redis may have lost all of them."""
    counters = InvalidationCounters(CreatingStore())
    assert not await counters.is_current(SITE, {})
    assert not await counters.is_current(SITE, {"all": 0, "Patient": 0})


class SteppedStore(CreatingStore):
    """A store that increments a counter only when the test lets it."""

    def __init__(self, numbers: dict[str, int]) -> None:
        super().__init__(numbers)
        self.steps = asyncio.Semaphore(0)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        await self.steps.acquire()
        return await super().increment(name, amount, seconds)


@pytest.mark.parametrize("first_steps", range(5))
async def test_write_ends_a_response_confirmed_during_its_increments(first_steps: int) -> None:
    store = CreatingStore()
    counters, stepped = InvalidationCounters(store), SteppedStore(store.numbers)
    snapshot = await counters.snapshot(SITE, ["Patient", "patient/1"])
    write = asyncio.create_task(InvalidationCounters(stepped).increment(SITE, ["Patient", "patient/1", "*"]))
    for _ in range(first_steps):
        stepped.steps.release()
    await asyncio.sleep(0.01)
    confirmed = await counters.confirm(SITE, snapshot, ["Patient"])
    for _ in range(4 - first_steps):
        stepped.steps.release()
    await write
    assert confirmed is None or not await counters.is_current(SITE, confirmed)


async def test_mark_read_during_the_increments_ends_with_them() -> None:
    """What is read in between may depend on a counter that the write has not incremented yet."""
    store = SteppedStore({})
    counters = InvalidationCounters(store)
    write = asyncio.create_task(counters.increment(SITE, ["Patient"]))
    for _ in range(2):
        is_unchanged, marks = counters.local_change_check(SITE), counters.local_marks(SITE, ["Patient"])
        store.steps.release()
        await asyncio.sleep(0.01)
    await write
    assert not is_unchanged()
    assert counters.local_marks(SITE, ["Patient"]) != marks


class PausedStore(MemoryStore):
    """A store that counts its reads and completes each when the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.read_count = 0
        self.started, self.may_complete = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        value = await super().increment(name, amount, seconds)
        self.read_count += 1
        self.started.release()
        await self.may_complete.acquire()
        return value


async def test_concurrent_checks_share_a_later_read() -> None:
    """A hundred checks during a read share one read that begins after all of them."""
    store = PausedStore()
    counters = InvalidationCounters(store, is_shared=True)
    early = asyncio.create_task(counters.is_current(SITE, {"all": 0}))
    await store.started.acquire()
    await MemoryStore.increment(store, f"counter/{SITE}/all", 5, 60)
    late = [asyncio.create_task(counters.is_current(SITE, {"all": 5})) for _ in range(100)]
    await asyncio.sleep(0)
    store.may_complete.release()
    await store.started.acquire()
    store.may_complete.release()
    assert await early
    assert await asyncio.gather(*late) == [True] * 100
    assert store.read_count == 2


async def test_dropped_local_mark_counts_as_write() -> None:
    counters = InvalidationCounters(MemoryStore(), max_local_marks=5)
    initial_marks = counters.local_marks(SITE, ["Patient"])
    await counters.increment(SITE, ["Patient"])
    marks, is_unchanged = counters.local_marks(SITE, ["Patient"]), counters.local_change_check(SITE)
    for number in range(3):
        await counters.increment(f"site {number}", ["Slot"])
    assert len({initial_marks, marks, counters.local_marks(SITE, ["Patient"])}) == 3
    assert not is_unchanged()
    assert counters.local_change_check(SITE)()
    assert len(counters._local_mark_by_tag) <= 5


class Line:
    """A channel that records what is published."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.messages: list[bytes] = []

    def set_listener(self, listener: Listener) -> None:
        self.listeners.append(listener)

    async def publish(self, message: bytes) -> None:
        self.messages.append(message)

    async def problem(self) -> str:
        return ""

    def has_unsent(self) -> bool:
        return False

    def is_current(self) -> bool:
        return True


async def test_write_is_published_once_the_store_has_it() -> None:
    store, line, other = MemoryStore(), Line(), Line()
    counters = InvalidationCounters(store, channel=line)
    others = InvalidationCounters(MemoryStore(), channel=other)
    is_unchanged, marks = others.local_change_check(SITE), others.local_marks(SITE, ["Patient"])
    slots, number = others.local_marks(SITE, ["Slot"]), others.generation.number
    await counters.increment(SITE, ["Patient"])
    (message,) = line.messages
    other.listeners[0](message)
    assert not is_unchanged()
    assert others.local_marks(SITE, ["Patient"]) != marks
    assert others.local_marks(SITE, ["Slot"]) == slots
    assert others.generation.number > number
    assert other.messages == []


@pytest.mark.parametrize("tags", [["x" * 500], [f"T{number}" for number in range(2_000)]])
async def test_write_with_unusual_tags_invalidates_the_site(tags: list[str]) -> None:
    line, other = Line(), Line()
    counters = InvalidationCounters(MemoryStore(), channel=line)
    others = InvalidationCounters(MemoryStore(), channel=other)
    marks = others.local_marks(SITE, ["Patient"])
    await counters.increment(SITE, tags)
    other.listeners[0](line.messages[0])
    assert others.local_marks(SITE, ["Patient"]) != marks


@pytest.mark.parametrize("message", [b"", b"*"])
async def test_gap_in_the_messages_changes_every_mark(message: bytes) -> None:
    line = Line()
    counters = InvalidationCounters(MemoryStore(), channel=line)
    await counters.increment(SITE, ["Patient"])
    checks = [counters.local_change_check(site) for site in (SITE, "another site")]
    number = counters.generation.number
    line.listeners[0](message)
    assert [check() for check in checks] == [False, False]
    assert counters.generation.number > number


@pytest.mark.parametrize(
    "message",
    [b"\xc1", b"\x00", b"{}", b"\x92\xa1s\xa1t", b"\x92\xa1s\x91\x01", b"\x92\x01\x90", b"\xff" * 99],
)
async def test_malformed_message_is_ignored(message: bytes) -> None:
    line = Line()
    counters = InvalidationCounters(MemoryStore(), channel=line)
    is_unchanged, number = counters.local_change_check("s"), counters.generation.number
    line.listeners[0](message)
    assert is_unchanged()
    assert counters.generation.number == number


async def test_marks_of_others_are_bounded() -> None:
    line, other = Line(), Line()
    counters = InvalidationCounters(MemoryStore(), channel=line)
    others = InvalidationCounters(MemoryStore(), max_local_marks=5, channel=other)
    for number in range(50):
        await counters.increment(f"site {number}", ["Slot"])
        other.listeners[0](line.messages[-1])
    assert len(others._local_mark_by_tag) <= 5


async def test_write_that_the_store_lacks_ends_what_was_requested_before() -> None:
    """Its sender has lost the shared store, so the counters there are those from before the write."""
    shared, line, other = MemoryStore(), Line(), Line()
    sender = InvalidationCounters(
        MemoryStore(), channel=line, is_store_down=lambda: True, now=lambda: 10.0, is_shared=True
    )
    receiver = InvalidationCounters(shared, channel=other, now=lambda: 11.0, is_shared=True)
    snapshots = [(await receiver.snapshot(SITE, [type_])).counters for type_ in ("Patient", "Slot")]
    await sender.increment(SITE, ["Patient"])
    other.listeners[0](line.messages[0])
    assert [await receiver.is_current(SITE, each) for each in snapshots] == [True, True]
    assert [receiver.uncounted_until(SITE, each) for each in snapshots] == [12.0, -inf]
    assert sender.uncounted_until(SITE, snapshots[0]) == 10.0


@pytest.mark.parametrize("message", [b"", b"*", None])
async def test_without_the_store_a_mark_says_more_than_its_counters(message: bytes | None) -> None:
    line, other = Line(), Line()
    receiver = InvalidationCounters(MemoryStore(), channel=other, is_store_down=lambda: True, now=lambda: 5.0)
    await InvalidationCounters(MemoryStore(), channel=line).increment(SITE, ["Patient"])
    other.listeners[0](line.messages[0] if message is None else message)
    assert receiver.uncounted_until(SITE, ["all", "Patient"]) == 6.0


async def test_write_that_the_store_has_is_counted_only() -> None:
    line, other = Line(), Line()
    receiver = InvalidationCounters(MemoryStore(), channel=other)
    sender = InvalidationCounters(MemoryStore(), channel=line)
    await sender.increment(SITE, ["Patient"])
    for message in (line.messages[0], b"", b"*"):
        other.listeners[0](message)
    assert [each.uncounted_until(SITE, ["all"]) for each in (sender, receiver)] == [-inf, -inf]


async def test_recovery_is_told_to_all() -> None:
    line = Line()
    counters = InvalidationCounters(MemoryStore(), channel=line)
    is_unchanged = counters.local_change_check(SITE)
    await counters.invalidate_everywhere()
    assert not is_unchanged()
    assert line.messages == [b"*"]
