from typing import Any

import pytest
from probe.probing import known, stamped

from gateway.probe.clocks import Reading, dated_record
from gateway.probe.columns import column_findings
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse
from gateway.probe.last_updated_labels import LAST_UPDATED

SUMMER, WINTER = "2026-01-10T10:00:00", "2026-06-10T10:00:00"


def _met(here: Evidence, reading: Reading) -> Evidence:
    record = dated_record(here, "Patient")
    assert record
    pairs = record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED][reading])
    return here.with_response(
        "q", ProbeResponse(ProbeRequest("Patient", pairs, record.id), ({"id": record.id},))
    )


def _modes(here: Evidence) -> dict[str, Any]:
    return {f"{each.section}.{each.key}": each.value for each in column_findings(here) if not each.is_default}


@pytest.mark.parametrize(
    ("stamps", "reading", "mode", "column"),
    [
        ([SUMMER], "as-shown", "naive", None),
        ([SUMMER], "to-utc", "naive", "UTC"),
        ([SUMMER], "to-site", "utc-labelled-local", "Australia/Sydney"),
        ([f"{SUMMER}Z"], "to-site", "ok", None),
        ([f"{SUMMER}Z"], "as-shown", None, "UTC"),
        ([f"{SUMMER}Z"], "to-utc", "local-labelled-utc", "UTC"),
        ([f"{SUMMER}Z", "2026-07-01T09:00:00Z"], "as-shown", "local-labelled-utc", None),
        ([f"{SUMMER}+11:00"], "as-shown", None, None),
        ([f"{SUMMER}+11:00", "2026-07-01T09:30:00+10:00"], "as-shown", "ok", None),
        ([f"{SUMMER}+11:00", f"{SUMMER}+10:00"], "to-utc", "ok", "UTC"),
        ([f"{SUMMER}+11:00"], "to-utc", "ok", "UTC"),
        ([f"{WINTER}+10:00"], "as-shown", None, None),
        ([f"{WINTER}+10:00", f"{SUMMER}+10:00"], "as-shown", "fixed-standard-offset", None),
        ([f"{SUMMER}+11:00", f"{SUMMER}Z"], "as-shown", None, None),
    ],
)
def test_label_and_column_together_give_the_mode(
    stamps: list[str], reading: Reading, mode: str | None, column: str | None
) -> None:
    found = _modes(_met(known(Patient=stamped(*stamps)), reading))
    assert found["last_updated_input.Patient"] == mode
    assert found.get("search.column_time_zones.Patient._lastUpdated") == column


def test_future_stamps_alone_prove_a_wrong_label() -> None:
    here = known(Patient=stamped("2026-07-01T09:00:00Z"))
    assert _modes(here) == {"last_updated_input.Patient": "local-labelled-utc"}


def test_without_an_answer_nothing_is_concluded() -> None:
    assert _modes(known(Patient=stamped(SUMMER))) == {"last_updated_input.Patient": None}
    assert _modes(known(Patient=[{"id": "1"}])) == {}
