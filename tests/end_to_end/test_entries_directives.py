"""Cache directives of a page that was merged from several upstream pages."""

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.failing_gateway import BASE, FailingGateway, failing_settings, run_gateway
from end_to_end.test_entries_pages import bundle, entry

QUERY = "AllergyIntolerance?patient=1&date=2026-04-05,2026-04-07"


@pytest.mark.parametrize(("directive", "expected_queries"), [("no-store", 4), ("max-age=600", 2)])
def test_directive_of_a_later_part_counts(pair: Pair, directive: str, expected_queries: int) -> None:
    allergy = entry("AllergyIntolerance", "1", "match", recordedDate="2026-04-07T10:00:00+10:00")
    settings = failing_settings(pair.emulator.url, cache={"profile": "balanced"})
    with run_gateway(settings) as url, httpx.Client(timeout=30, trust_env=False) as client:
        gateway = FailingGateway(pair, url, client)
        for _ in range(2):
            pair.emulator.control("DELETE", "faults")
            pair.fault(kind="answer", status=200, body=bundle(), times=1)
            pair.fault(
                kind="answer", status=200, body=bundle(allergy), headers={"cache-control": directive}, times=1
            )
            assert len(gateway.ask("GET", f"{BASE}/{QUERY}", headers=KEY).json()["entry"]) == 1
    pair.spoilt = False
    assert len(pair.sent()) == expected_queries
