"""Prices."""

from decimal import Decimal

import pytest

from gateway.ledger.prices import NO_PRICES, Prices


@pytest.mark.parametrize(
    ("prices", "queries", "octets", "text"),
    [
        (Prices(Decimal("0.1")), 3, 0, "0.30"),
        (Prices(Decimal("0.005")), 1, 0, "0.01"),
        (Prices(Decimal("0.0149")), 1, 0, "0.01"),
        (Prices(None, Decimal("0.5")), 7, 1_500_000, "0.75"),
        (Prices(Decimal("0.01"), Decimal(2)), 10, 500_000, "1.10"),
        (Prices(Decimal(1)), 10**15, 0, "1000000000000000.00"),
        (Prices(Decimal(0)), 5, 5, "0.00"),
        (NO_PRICES, 5, 5, ""),
    ],
)
def test_cost_is_rounded_half_up_to_cents(prices: Prices, queries: int, octets: int, text: str) -> None:
    assert prices.cost_text(queries, octets) == text


def test_cost_is_exact_before_it_is_shown() -> None:
    prices = Prices(Decimal("0.1"), Decimal("0.000001"))
    assert sum(prices.cost(1, 1) or 0 for _ in range(10)) == Decimal("1.00000000001")


def test_currency_is_shown_with_prices_only() -> None:
    assert Prices(Decimal(1), None, "AUD").shown_currency == "AUD"
    assert Prices(None, None, "AUD").shown_currency == ""
