"""Report of the current day: what is used, saved and to be expected, by caller and by app."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from gateway.ledger.caps import next_midnight
from gateway.ledger.cost import BILLABLE_CLASSES, CostClass
from gateway.ledger.day_sums import DaySums, Sums
from gateway.ledger.prices import Prices
from gateway.ledger.report import Amount, AmountsByClass, saved_ratio, totals_object

#: Time of a day before which its use says too little for a forecast.
_MIN_ELAPSED: Final = timedelta(hours=1)
#: Maximum number of callers and of apps in the report, those with most queries.
MAX_NAMES: Final = 200


class DayTime(NamedTuple):
    """A time within its day: the ISO day, and how much of it is over."""

    day: str
    elapsed: timedelta
    length: timedelta


def day_time(now: datetime, zone: tzinfo) -> DayTime:
    """Return the day of a zone at a time; days of a change of the clock have other lengths than 24 hours."""
    end = next_midnight(now, zone)
    day = now.astimezone(zone).date()
    start = next_midnight(datetime.combine(day, datetime.min.time(), zone) - timedelta(seconds=1), zone)
    return DayTime(day.isoformat(), now - start, end - start)


def linear_forecast(used: int, time: DayTime) -> int | None:
    """Return the use of the whole day at the average rate of what is over; None in the first hour."""
    return round(used * (time.length / time.elapsed)) if time.elapsed >= _MIN_ELAPSED else None


def day_report(sums: DaySums, prices: Prices, time: DayTime) -> dict[str, Any]:
    """Return totals, forecast, callers and apps, the largest first, as a JSON object."""
    totals = _totals(sums.callers.items())
    return {
        "day": time.day,
        "currency": prices.shown_currency or None,
        **_use_object(totals, prices),
        "totals": totals_object(totals)["totals"],
        "forecast": _forecast_object(totals, prices, time),
        "callers": _named_objects("caller", sums.callers, prices),
        "apps": _named_objects("app", sums.apps, prices),
    }


def _totals(amounts: Iterable[tuple[tuple[str, CostClass], tuple[int, int]]]) -> AmountsByClass:
    totals = dict.fromkeys(CostClass, Amount())
    for (_, cost), (queries, octets) in amounts:
        totals[cost] = Amount(totals[cost].queries + queries, totals[cost].octets + octets)
    return totals


def _billable(totals: AmountsByClass) -> Amount:
    amounts = [totals[cost] for cost in BILLABLE_CLASSES]
    return Amount(sum(each.queries for each in amounts), sum(each.octets for each in amounts))


def _use_object(totals: AmountsByClass, prices: Prices) -> dict[str, Any]:
    queries, octets = _billable(totals)
    return {
        "queries": queries,
        "bytes": octets,
        "cost": prices.cost_text(queries, octets) or None,
        "savedShare": round(saved_ratio(totals), 4),
    }


def _forecast_object(totals: AmountsByClass, prices: Prices, time: DayTime) -> dict[str, Any]:
    queries, octets = (linear_forecast(amount, time) for amount in _billable(totals))
    cost = None if queries is None or octets is None else prices.cost_text(queries, octets) or None
    return {"method": "linear", "queries": queries, "bytes": octets, "cost": cost}


def _named_objects(title: str, sums: Sums, prices: Prices) -> list[dict[str, Any]]:
    groups: dict[str, list[tuple[tuple[str, CostClass], tuple[int, int]]]] = defaultdict(list)
    for key, amounts in sums.items():
        groups[key[0]].append((key, amounts))
    objects = [{title: name, **_use_object(_totals(group), prices)} for name, group in groups.items()]
    return sorted(objects, key=lambda each: (-each["queries"], each[title]))[:MAX_NAMES]
