"""The last hours of each site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.cost import CostClass
from gateway.ledger.history import ALL_SITES, INTERVAL_SECONDS, INTERVALS, MAX_SITES, History, Interval

NOW = 1_800_000_000.0
WINDOW = INTERVALS * INTERVAL_SECONDS
SITE = "one"


def counts(history: History, site: str = SITE, now: float = NOW) -> list[tuple[int, ...]]:
    return [interval[1:] for interval in history.intervals(site, now) if any(interval[1:])]


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (CostClass.BILLED, [(2, 0, 0)]),
        (CostClass.MAYBE_BILLED, [(2, 0, 0)]),
        (CostClass.HIT, [(0, 2, 0)]),
        (CostClass.COLLAPSED, [(0, 2, 0)]),
        (CostClass.FREE, []),
        (CostClass.PAUSED, []),
        (CostClass.HALO_CLOUD, []),
    ],
)
def test_billable_and_saved_requests_count(cost: CostClass, expected: list[tuple[int, ...]]) -> None:
    history = History()
    history.count_requests(SITE, cost, NOW, 2)
    assert counts(history) == counts(history, ALL_SITES) == expected


def test_intervals_end_with_the_current_one_and_are_aligned() -> None:
    history = History()
    history.count_failure(SITE, NOW)
    intervals = history.intervals(SITE, NOW + 299)
    assert len(intervals) == INTERVALS
    assert intervals[-1] == Interval(int(NOW), 0, 0, 1)
    assert intervals[0].start == NOW - WINDOW + INTERVAL_SECONDS


@given(st.lists(st.tuples(st.integers(0, 3 * WINDOW), st.sampled_from(["a", "b"])), max_size=60))
def test_history_counts_like_a_plain_list(events: list[tuple[int, str]]) -> None:
    history = History()
    for seconds, site in sorted(events):
        history.count_failure(site, NOW + seconds)
    now = NOW + max((seconds for seconds, _ in events), default=0)
    for site in ("a", "b", ALL_SITES):
        expected = [
            sum(
                interval.start <= NOW + seconds < interval.start + INTERVAL_SECONDS
                for seconds, name in events
                if site in {name, ALL_SITES}
            )
            for interval in history.intervals(site, now)
        ]
        assert [interval.failures for interval in history.intervals(site, now)] == expected


def test_clock_that_went_back_within_the_hours_keeps_counts() -> None:
    history = History()
    for now in (NOW, NOW - INTERVAL_SECONDS, NOW - WINDOW + INTERVAL_SECONDS):
        history.count_failure(SITE, now)
    assert counts(history) == [(0, 0, 1)] * 3


@pytest.mark.parametrize("jump", [WINDOW, 86_400, 365 * 86_400])
def test_hours_begin_anew_after_a_clock_ahead(jump: int) -> None:
    history = History()
    for now in (NOW + jump, NOW, NOW + INTERVAL_SECONDS):
        history.count_failure(SITE, now)
    later = NOW + INTERVAL_SECONDS
    assert counts(history, now=later) == counts(history, ALL_SITES, later) == [(0, 0, 1)] * 2
    assert history.intervals(SITE, NOW + jump)[-1].failures == 0


def test_lines_of_a_clock_ahead_lose_their_places() -> None:
    history = History()
    for number in range(MAX_SITES):
        history.count_failure(str(number), NOW + WINDOW)
    history.count_failure(SITE, NOW)
    assert counts(history) == [(0, 0, 1)]


def test_unknown_site_has_zeros() -> None:
    assert counts(History()) == []
    assert len(History().intervals(SITE, NOW)) == INTERVALS


def test_number_of_sites_is_bounded_and_places_come_free() -> None:
    history = History()
    for number in range(MAX_SITES + 5):
        history.count_failure(str(number), NOW)
    assert counts(history, str(MAX_SITES + 4)) == []
    assert sum(interval.failures for interval in history.intervals(ALL_SITES, NOW)) == MAX_SITES + 5
    later = NOW + WINDOW
    history.count_failure("new", later)
    assert counts(history, "new", later) == [(0, 0, 1)]
    assert len(history._lines) == 1


def test_count_stops_at_the_largest_number() -> None:
    history = History()
    for _ in range(2):
        history.count_requests(SITE, CostClass.HIT, NOW, 2**32 - 2)
    assert counts(history) == [(0, 2**32 - 1, 0)]
