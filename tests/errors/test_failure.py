from gateway.errors.failure import Failure, Kind, Repeat

_KIND = Kind("lost", 503, "transient", "Lost.", repeat=Repeat.YES, retry_after=5)


def test_a_failure_takes_text_issue_and_wait_from_its_kind() -> None:
    found = Failure(_KIND)
    assert (str(found), found.text, found.issue, found.retry_after) == ("lost", "Lost.", "transient", 5)


def test_an_occurrence_may_say_it_better() -> None:
    found = Failure(_KIND, text="Gone.", issue="timeout", retry_after=9)
    assert (found.text, found.issue, found.retry_after) == ("Gone.", "timeout", 9)


def test_a_change_is_open_when_it_may_have_run() -> None:
    assert _KIND.leaves_writes_open
    assert not Kind("lost", 503, "transient", "Lost.", repeat=Repeat.YES, sent=False).leaves_writes_open
    assert not Kind("bad", 400, "invalid", "Bad.", repeat=Repeat.AFTER_CHANGE).leaves_writes_open
    assert not Kind("refused", 502, "exception", "Refused.").leaves_writes_open
