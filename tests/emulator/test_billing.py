from gateway.emulator.billing import Bill

LINE = ("key", "site", "Patient")


def test_what_failed_before_the_attempt_is_not_counted() -> None:
    bill = Bill()
    bill.add(LINE, "none", 10)
    assert bill.as_json() == {"queries": 0, "bytes": 0, "free": 0, "lines": []}


def test_free_and_paid_are_counted_apart_and_the_dearest_comes_first() -> None:
    bill = Bill()
    bill.add(("a", "site", "metadata"), "free", 50)
    bill.add(LINE, "paid", 100)
    bill.add(LINE, "paid", 20)
    told = bill.as_json()
    assert (told["queries"], told["bytes"], told["free"]) == (2, 120, 1)
    assert [line["path"] for line in told["lines"]] == ["Patient", "metadata"]
    bill.clear()
    assert bill.as_json()["lines"] == []
