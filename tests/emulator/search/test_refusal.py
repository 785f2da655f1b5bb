from gateway.emulator.search.refusal import Refusal, bad_argument


def test_a_refusal_says_who_answers_what() -> None:
    refusal = Refusal("wrapped", 503, "Away", "transient")
    assert (refusal.source, refusal.status, refusal.text, refusal.issue_type) == (
        "wrapped",
        503,
        "Away",
        "transient",
    )
    assert refusal.headers == {}


def test_a_bad_argument_is_the_engines_400() -> None:
    refusal = bad_argument("No")
    assert (refusal.source, refusal.status, refusal.issue_type) == ("engine", 400, "invalid")
