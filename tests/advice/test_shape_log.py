"""Shape log: bounded, and its digests are those of one process."""

from gateway.advice.shape_log import ShapeLog, ShapeRecord


def record(at: float) -> ShapeRecord:
    return ShapeRecord(at, "board", "c0ffee00", "guid", "Patient", "GET Patient/{id}", is_search=False)


def test_log_has_the_last_records_only() -> None:
    log = ShapeLog(max_records=3)
    for at in range(5):
        log.add(record(at))
    assert [each.at for each in log] == [2, 3, 4]
    assert len(log) == 3


def test_digest_is_the_same_in_one_process_only() -> None:
    log = ShapeLog()
    assert log.digest("patient=1") == log.digest("patient=1") != log.digest("patient=2")
    assert log.digest("patient=1") != ShapeLog().digest("patient=1")
    assert len(log.digest("\ud800")) == 8
