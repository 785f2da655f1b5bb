"""Table of pauses: its limits, and what is evidence."""

from gateway.resilience.pause_rules import Pause
from gateway.resilience.pause_table import MAX_PAUSES, MAX_UNPROVED_PAUSES, Pauses, active, with_pause

SHARED = "site:s"


def pause(since: float = 0, rule: str = "r", *, is_proved: bool = True, shared: str = "") -> Pause:
    return Pause(rule, "caller-at-site", "code", "", since, 1_000, is_proved=is_proved, shared_scope=shared)


def test_expired_pauses_are_gone() -> None:
    assert active({"a": pause(), "b": pause().replace(until=5)}, 5) == {"a": pause()}
    assert active(None, 5) == {}


def test_same_caller_twice_is_no_evidence() -> None:
    table = with_pause(with_pause({}, "a", pause(1, shared=SHARED)), "a", pause(2, shared=SHARED))
    assert set(table) == {"a"}


def test_other_rule_or_scope_is_no_evidence() -> None:
    table: Pauses = {"a": pause(shared=SHARED), "b": pause(rule="other", shared="site:t")}
    assert set(with_pause(table, "c", pause(rule="other", shared=SHARED))) == {"a", "b", "c"}


def test_made_up_callers_end_the_pauses_of_made_up_callers() -> None:
    table: Pauses = {"honest": pause(0)}
    for number in range(MAX_UNPROVED_PAUSES + 50):
        table = with_pause(table, f"x{number}", pause(number, is_proved=False))
    assert len(table) == MAX_UNPROVED_PAUSES + 1
    assert "honest" in table
    assert "x0" not in table


def test_full_table_ends_the_oldest_and_takes_the_new() -> None:
    table: Pauses = {str(number): pause(number) for number in range(MAX_PAUSES)}
    full = with_pause(table, "new", pause(5_000))
    assert (len(full), "0" in full, "new" in full) == (MAX_PAUSES, False, True)
