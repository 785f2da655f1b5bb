"""Times of writes that the shared store does not count yet."""

from math import inf

from gateway.cache.unshared_writes import UnsharedWrites


def test_write_counts_for_the_tags_of_its_site() -> None:
    writes = UnsharedWrites(10)
    assert writes.last_time("s", ["all"]) == -inf
    writes.note("s", ["Patient", "all"], 5.0)
    assert [writes.last_time("s", tags) for tags in (["all", "Patient"], ["all"])] == [5.0, 5.0]
    assert [writes.last_time(site, ["all", "Slot"]) for site in ("s", "t")] == [-inf, -inf]


def test_times_are_bounded_and_none_is_lost() -> None:
    writes = UnsharedWrites(10)
    for number in range(11):
        writes.note(f"site {number}", ["Patient"], 20.0 - number)
    assert len(writes) == 0
    assert writes.last_time("site 11", ["all"]) == 20.0
    writes.note_everywhere(7.0)
    assert writes.last_time("site 11", ["all"]) == 20.0
