"""Limits of reads of the ledger."""

import pytest

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.reader import NO_LIMITS, LedgerEndsError, ReadLimits, TooManyRowsError

ROW = LedgerRow(LedgerKey("2026-07-01", "site", "c0ffee00", "Patient", "read", CostClass.BILLED), 1, 10)


@pytest.mark.parametrize(("max_rows", "permitted"), [(-1, 3), (0, 0), (2, 2), (3, 3)])
def test_more_rows_than_permitted_are_an_error(max_rows: int, permitted: int) -> None:
    limits = ReadLimits(max_rows)
    limits.require_few([ROW] * permitted)
    if max_rows >= 0:
        with pytest.raises(TooManyRowsError):
            limits.require_few([ROW] * (permitted + 1))


def test_end_of_the_ledger_ends_a_read() -> None:
    NO_LIMITS.require_open()
    with pytest.raises(LedgerEndsError, match="ends"):
        ReadLimits(has_ended=lambda: True).require_open()
