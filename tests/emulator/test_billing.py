from gateway.emulator.billing import Bill

LINE = ("key", "site", "Patient")


def test_uncharged_request_is_not_counted() -> None:
    bill = Bill()
    bill.add(LINE, "none", 10)
    assert bill.as_json() == {"queries": 0, "bytes": 0, "free": 0, "lines": []}


def test_free_and_paid_requests_have_separate_totals() -> None:
    bill = Bill()
    bill.add(("a", "site", "metadata"), "free", 50)
    bill.add(LINE, "paid", 100)
    bill.add(LINE, "paid", 20)
    bill_json = bill.as_json()
    assert (bill_json["queries"], bill_json["bytes"], bill_json["free"]) == (2, 120, 1)
    assert [line["path"] for line in bill_json["lines"]] == ["Patient", "metadata"]
    bill.clear()
    assert bill.as_json()["lines"] == []
