from gateway.errors.failure import Failure, FailureKind, RetryAdvice

_KIND = FailureKind("lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, retry_after=5)


def test_a_failure_takes_text_issue_and_wait_from_its_kind() -> None:
    found = Failure(_KIND)
    assert (str(found), found.text, found.issue, found.retry_after) == ("lost", "Lost.", "transient", 5)


def test_an_occurrence_may_say_it_better() -> None:
    found = Failure(_KIND, text="Gone.", issue="timeout", retry_after=9)
    assert (found.text, found.issue, found.retry_after) == ("Gone.", "timeout", 9)


def test_a_change_is_open_when_it_may_have_run() -> None:
    assert _KIND.write_outcome_unknown
    assert not FailureKind(
        "lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, may_have_run=False
    ).write_outcome_unknown
    assert not FailureKind(
        "bad", 400, "invalid", "Bad.", retry_advice=RetryAdvice.AFTER_CHANGE
    ).write_outcome_unknown
    assert not FailureKind("refused", 502, "exception", "Refused.").write_outcome_unknown
