from gateway.emulator.search.refusal import Refusal, bad_argument


def test_refusal_has_source_status_text_and_issue_type() -> None:
    refusal = Refusal("wrapped", 503, "Away", "transient")
    assert (refusal.source, refusal.status, refusal.text, refusal.issue_type) == (
        "wrapped",
        503,
        "Away",
        "transient",
    )
    assert refusal.headers == {}


def test_bad_argument_is_engine_400() -> None:
    refusal = bad_argument("No")
    assert (refusal.source, refusal.status, refusal.issue_type) == ("engine", 400, "invalid")
