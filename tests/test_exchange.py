from gateway.exchange import WaitClock


def test_the_wait_begins_when_the_request_came() -> None:
    waiting = WaitClock(10.0)
    assert (waiting.waited_seconds(10.0), waiting.waited_seconds(14.5)) == (0.0, 4.5)


def test_a_wait_without_a_beginning_begins_with_the_first_question() -> None:
    waiting = WaitClock()
    assert (waiting.waited_seconds(7.0), waiting.waited_seconds(9.0)) == (0.0, 2.0)


def test_an_upstream_query_is_no_waiting() -> None:
    waiting = WaitClock(0.0)
    waiting.exclude(30.0)
    assert waiting.waited_seconds(31.0) == 1.0
    late = WaitClock()
    late.exclude(30.0)
    assert (late.waited_seconds(50.0), late.waited_seconds(51.0)) == (0.0, 1.0)
