from gateway.errors.failure import Failure, FailureKind, RetryAdvice

_KIND = FailureKind("lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, retry_after=5)


def test_failure_has_text_issue_and_retry_after_of_kind() -> None:
    failure = Failure(_KIND)
    assert (str(failure), failure.text, failure.issue, failure.retry_after) == (
        "lost",
        "Lost.",
        "transient",
        5,
    )


def test_occurrence_overrides_text_issue_and_retry_after() -> None:
    failure = Failure(_KIND, text="Gone.", issue="timeout", retry_after=9)
    assert (failure.text, failure.issue, failure.retry_after) == ("Gone.", "timeout", 9)


def test_write_outcome_is_unknown_if_request_may_have_run() -> None:
    assert _KIND.write_outcome_unknown
    assert not FailureKind(
        "lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, may_have_run=False
    ).write_outcome_unknown
    assert not FailureKind(
        "bad", 400, "invalid", "Bad.", retry_advice=RetryAdvice.AFTER_CHANGE
    ).write_outcome_unknown
    assert not FailureKind("refused", 502, "exception", "Refused.").write_outcome_unknown
