"""Table of the latest times of events."""

from gateway.http.latest_times import LatestTimes


def test_event_counts_until_its_time_has_passed() -> None:
    now = [100.0]
    times = LatestTimes(lambda: now[0], 10)
    times.record("a")
    now[0] = 109.9
    assert times.is_within("a", 10)
    assert not times.is_within("b", 10)
    now[0] = 110.0
    assert not times.is_within("a", 10)


def test_forgotten_name_has_no_event() -> None:
    times = LatestTimes(lambda: 1.0, 10)
    times.record("a")
    times.forget("a")
    times.forget("never recorded")
    assert not times.is_within("a", 10)


def test_longest_past_event_is_forgotten_first() -> None:
    times = LatestTimes(lambda: 1.0, 2)
    for name in "abac":
        times.record(name)
    assert [name for name in "abc" if times.is_within(name, 1)] == ["a", "c"]
