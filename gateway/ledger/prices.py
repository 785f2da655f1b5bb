"""Prices of billable queries, as decimal numbers: money is rounded once, when a report shows it."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

_MEGABYTE: Final = 1_000_000
_CENT: Final = Decimal("0.01")


class Prices(NamedTuple):
    """Price of one billable query, and of 1,000,000 bytes; None if it is not known, which counts as none."""

    per_query: Decimal | None = None
    per_megabyte: Decimal | None = None
    currency: str = ""

    @property
    def are_known(self) -> bool:
        """Whether any price is configured."""
        return self.per_query is not None or self.per_megabyte is not None

    def cost(self, queries: int, octets: int) -> Decimal | None:
        """Exact cost; None without prices."""
        if not self.are_known:
            return None
        per_query, per_megabyte = self.per_query or Decimal(0), self.per_megabyte or Decimal(0)
        return per_query * queries + per_megabyte * octets / _MEGABYTE

    def cost_text(self, queries: int, octets: int) -> str:
        """Cost in whole cents, half a cent rounded up; empty without prices."""
        cost = self.cost(queries, octets)
        return "" if cost is None else f"{cost.quantize(_CENT, ROUND_HALF_UP):f}"

    @property
    def shown_currency(self) -> str:
        """Currency beside a cost; empty without prices."""
        return self.currency if self.are_known else ""


NO_PRICES = Prices()
