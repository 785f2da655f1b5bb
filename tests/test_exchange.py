from gateway.exchange import Waiting


def test_the_wait_begins_when_the_request_came() -> None:
    waiting = Waiting(10.0)
    assert (waiting.seconds(10.0), waiting.seconds(14.5)) == (0.0, 4.5)


def test_a_wait_without_a_beginning_begins_with_the_first_question() -> None:
    waiting = Waiting()
    assert (waiting.seconds(7.0), waiting.seconds(9.0)) == (0.0, 2.0)


def test_an_upstream_query_is_no_waiting() -> None:
    waiting = Waiting(0.0)
    waiting.asked(30.0)
    assert waiting.seconds(31.0) == 1.0
    late = Waiting()
    late.asked(30.0)
    assert (late.seconds(50.0), late.seconds(51.0)) == (0.0, 1.0)
