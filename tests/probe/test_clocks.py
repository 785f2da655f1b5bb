from probe.probing import known, observation, stamped

from gateway.probe.clocks import Dated, dated, matched, untried
from gateway.probe.evidence import Asked, Known, Page
from gateway.probe.last_updated_labels import STAMP

ROW = observation("2026-06-10T09:30:00+10:00", "2026-06-10T10:00:00Z")


def _record(here: Known, kind: str = "Observation") -> Dated:
    record = dated(here, kind)
    assert record
    return record


def _answered(here: Known, value: int, code: str, verdict: str, *more: tuple[str, str]) -> Known:
    record = _record(here)
    asked = Asked("Observation", (("_id", "1"), *record.second(code, value), *more), "1")
    return here.told(f"q{len(here.pages)}", Page(asked, ({"id": "1"},) if verdict == "yes" else ()))


def test_each_reading_is_tried_once_until_one_is_met() -> None:
    here, tried = known(Observation=[ROW]), []
    while (value := untried(here, _record(here), STAMP)) is not None:
        tried.append(value)
        here = _answered(here, value, STAMP, "no")
    assert len(tried) == len(set(tried)) == 3
    assert matched(here, "Observation", STAMP) is None


def test_a_met_reading_ends_the_trying() -> None:
    here = known(Observation=[ROW])
    values = _record(here).values["date"]
    here = _answered(here, values["utc"], "date", "yes")
    assert matched(here, "Observation", "date") == "utc"
    assert untried(here, _record(here), "date") is None


def test_what_failed_together_with_what_was_met_is_denied() -> None:
    here = known(Observation=[ROW])
    record = _record(here)
    stamp = record.second(STAMP, record.values[STAMP]["to-site"])
    here = _answered(here, record.values["date"]["site"], "date", "no", *stamp)
    assert untried(here, record, "date") == record.values["date"]["site"]
    here = _answered(here, record.values[STAMP]["to-site"], STAMP, "yes")
    assert untried(here, record, "date") == record.values["date"]["utc"]


def test_the_clock_found_for_one_type_is_tried_first_for_the_next() -> None:
    here = known(Observation=[ROW], Patient=stamped("2026-06-10T10:00:00Z"))
    patient = _record(here, "Patient")
    assert untried(here, patient, STAMP) == patient.values[STAMP]["to-site"]
    here = _answered(here, _record(here).values[STAMP]["as-shown"], STAMP, "yes")
    assert untried(here, patient, STAMP) == patient.values[STAMP]["as-shown"]


def test_a_record_with_a_wrong_label_tells_most() -> None:
    rows = stamped("2026-07-10T10:00:00+10:00", "2026-01-10T10:00:00+11:00", "2026-01-10T10:00:00+10:00")
    assert _record(known(Patient=rows), "Patient").id == "3"
    assert _record(known(Patient=rows[:2]), "Patient").id == "2"


def test_a_stamp_in_the_repeated_hour_is_not_asked_about() -> None:
    assert dated(known(Patient=stamped("2026-04-05T02:30:00")), "Patient") is None
    assert dated(known(), "Patient") is None
