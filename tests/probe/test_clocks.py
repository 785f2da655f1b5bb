"""Clocks of date columns."""

from probe.probing import evidence_with, observation, patients_updated_at

from gateway.probe.clocks import DatedRecord, confirmed_reading, dated_record, next_untried_second
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse
from gateway.probe.last_updated_labels import LAST_UPDATED

OBSERVATION = observation("2026-06-10T09:30:00+10:00", "2026-06-10T10:00:00Z")


def _record(evidence: Evidence, resource_type: str = "Observation") -> DatedRecord:
    record = dated_record(evidence, resource_type)
    assert record
    return record


def _with_verdict(
    evidence: Evidence, value: int, code: str, verdict: str, *conditions: tuple[str, str]
) -> Evidence:
    record = _record(evidence)
    request = ProbeRequest(
        "Observation", (("_id", "1"), *record.second_conditions(code, value), *conditions), "1"
    )
    return evidence.with_response(
        f"q{len(evidence.responses)}", ProbeResponse(request, ({"id": "1"},) if verdict == "yes" else ())
    )


def test_every_reading_is_tried_once() -> None:
    evidence, values = evidence_with(Observation=[OBSERVATION]), []
    while (value := next_untried_second(evidence, _record(evidence), LAST_UPDATED)) is not None:
        values.append(value)
        evidence = _with_verdict(evidence, value, LAST_UPDATED, "no")
    assert len(values) == len(set(values)) == 3
    assert confirmed_reading(evidence, "Observation", LAST_UPDATED) is None


def test_confirmed_reading_leaves_no_untried_second() -> None:
    evidence = evidence_with(Observation=[OBSERVATION])
    values = _record(evidence).candidate_seconds["date"]
    evidence = _with_verdict(evidence, values["utc"], "date", "yes")
    assert confirmed_reading(evidence, "Observation", "date") == "utc"
    assert next_untried_second(evidence, _record(evidence), "date") is None


def test_reading_that_failed_with_a_confirmed_one_is_refuted() -> None:
    evidence = evidence_with(Observation=[OBSERVATION])
    record = _record(evidence)
    last_updated = record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED]["to-site"])
    evidence = _with_verdict(evidence, record.candidate_seconds["date"]["site"], "date", "no", *last_updated)
    assert next_untried_second(evidence, record, "date") == record.candidate_seconds["date"]["site"]
    evidence = _with_verdict(evidence, record.candidate_seconds[LAST_UPDATED]["to-site"], LAST_UPDATED, "yes")
    assert next_untried_second(evidence, record, "date") == record.candidate_seconds["date"]["utc"]


def test_confirmed_clock_is_tried_first_for_the_next_type() -> None:
    evidence = evidence_with(Observation=[OBSERVATION], Patient=patients_updated_at("2026-06-10T10:00:00Z"))
    patient = _record(evidence, "Patient")
    readings = patient.candidate_seconds[LAST_UPDATED]
    assert next_untried_second(evidence, patient, LAST_UPDATED) == readings["to-site"]
    observed = _record(evidence).candidate_seconds[LAST_UPDATED]["as-shown"]
    evidence = _with_verdict(evidence, observed, LAST_UPDATED, "yes")
    assert next_untried_second(evidence, patient, LAST_UPDATED) == readings["as-shown"]


def test_record_with_a_wrong_label_is_preferred() -> None:
    patients = patients_updated_at(
        "2026-07-10T10:00:00+10:00", "2026-01-10T10:00:00+11:00", "2026-01-10T10:00:00+10:00"
    )
    assert _record(evidence_with(Patient=patients), "Patient").id == "3"
    assert _record(evidence_with(Patient=patients[:2]), "Patient").id == "2"


def test_ambiguous_last_updated_is_not_used() -> None:
    assert dated_record(evidence_with(Patient=patients_updated_at("2026-04-05T02:30:00")), "Patient") is None
    assert dated_record(evidence_with(), "Patient") is None
