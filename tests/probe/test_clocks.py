from probe.probing import known, observation, stamped

from gateway.probe.clocks import DatedRecord, confirmed_reading, dated_record, next_untried_second
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse
from gateway.probe.last_updated_labels import LAST_UPDATED

ROW = observation("2026-06-10T09:30:00+10:00", "2026-06-10T10:00:00Z")


def _record(here: Evidence, kind: str = "Observation") -> DatedRecord:
    record = dated_record(here, kind)
    assert record
    return record


def _answered(here: Evidence, value: int, code: str, verdict: str, *more: tuple[str, str]) -> Evidence:
    record = _record(here)
    asked = ProbeRequest("Observation", (("_id", "1"), *record.second_conditions(code, value), *more), "1")
    return here.with_response(
        f"q{len(here.responses)}", ProbeResponse(asked, ({"id": "1"},) if verdict == "yes" else ())
    )


def test_each_reading_is_tried_once_until_one_is_met() -> None:
    here, tried = known(Observation=[ROW]), []
    while (value := next_untried_second(here, _record(here), LAST_UPDATED)) is not None:
        tried.append(value)
        here = _answered(here, value, LAST_UPDATED, "no")
    assert len(tried) == len(set(tried)) == 3
    assert confirmed_reading(here, "Observation", LAST_UPDATED) is None


def test_a_met_reading_ends_the_trying() -> None:
    here = known(Observation=[ROW])
    values = _record(here).candidate_seconds["date"]
    here = _answered(here, values["utc"], "date", "yes")
    assert confirmed_reading(here, "Observation", "date") == "utc"
    assert next_untried_second(here, _record(here), "date") is None


def test_what_failed_together_with_what_was_met_is_denied() -> None:
    here = known(Observation=[ROW])
    record = _record(here)
    stamp = record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED]["to-site"])
    here = _answered(here, record.candidate_seconds["date"]["site"], "date", "no", *stamp)
    assert next_untried_second(here, record, "date") == record.candidate_seconds["date"]["site"]
    here = _answered(here, record.candidate_seconds[LAST_UPDATED]["to-site"], LAST_UPDATED, "yes")
    assert next_untried_second(here, record, "date") == record.candidate_seconds["date"]["utc"]


def test_the_clock_found_for_one_type_is_tried_first_for_the_next() -> None:
    here = known(Observation=[ROW], Patient=stamped("2026-06-10T10:00:00Z"))
    patient = _record(here, "Patient")
    assert (
        next_untried_second(here, patient, LAST_UPDATED) == patient.candidate_seconds[LAST_UPDATED]["to-site"]
    )
    here = _answered(here, _record(here).candidate_seconds[LAST_UPDATED]["as-shown"], LAST_UPDATED, "yes")
    assert (
        next_untried_second(here, patient, LAST_UPDATED)
        == patient.candidate_seconds[LAST_UPDATED]["as-shown"]
    )


def test_a_record_with_a_wrong_label_tells_most() -> None:
    rows = stamped("2026-07-10T10:00:00+10:00", "2026-01-10T10:00:00+11:00", "2026-01-10T10:00:00+10:00")
    assert _record(known(Patient=rows), "Patient").id == "3"
    assert _record(known(Patient=rows[:2]), "Patient").id == "2"


def test_a_stamp_in_the_repeated_hour_is_not_asked_about() -> None:
    assert dated_record(known(Patient=stamped("2026-04-05T02:30:00")), "Patient") is None
    assert dated_record(known(), "Patient") is None
