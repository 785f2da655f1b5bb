"""Adviser: prices, order and bounds."""

from advice.test_patterns import polls, reads

from gateway.advice import adviser
from gateway.advice.adviser import Prices, advise
from gateway.advice.patterns import PATTERNS


def test_price_is_that_of_a_day_at_the_observed_rate() -> None:
    (advice,) = advise(polls(450), now=3_600, prices=Prices(0.5, 2.0, "AUD"))
    assert advice.finding.saved == 450 - 120 - 1
    assert advice.queries_per_day == advice.finding.saved * 24
    assert advice.bytes_per_day == advice.queries_per_day * 1_000
    assert advice.cost_per_day == round(advice.queries_per_day * 0.5 + advice.bytes_per_day / 1e6 * 2, 2)


def test_short_observation_counts_as_an_hour() -> None:
    (advice,) = advise(reads(12), now=2)
    assert advice.queries_per_day == 11 * 24
    assert advice.cost_per_day is None


def test_dearest_advice_comes_first_and_is_limited() -> None:
    records = [
        each._replace(caller=str(caller)) for caller in range(adviser.MAX_ADVICE + 5) for each in reads(12)
    ]
    records += polls(450)
    advice = advise(records, now=3_600)
    assert len(advice) == adviser.MAX_ADVICE
    assert advice[0].finding.id == "polls-too-often"


def test_nothing_seen_is_no_advice() -> None:
    assert advise([], now=1) == []


def test_each_pattern_has_a_text() -> None:
    assert len(adviser.TEXTS) == len(PATTERNS)
