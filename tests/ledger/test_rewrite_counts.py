"""Counts of SQL commands: by outcome, and as a repair of its site."""

from support.ledger import RecordingSink, ledger_names
from support.sql import sql_request

from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.ledger.rewrite_counts import RewriteCounter
from gateway.repairs.sql_parameter_conversion import ID


def test_response_counts_as_examined_by_the_repair_alone() -> None:
    sink, outcomes = RecordingSink(), list[str]()
    counter = RewriteCounter(
        Recorder(sink, DailyUsage(lambda _: None), sink, ledger_names()), outcomes.append
    )
    counter.count_outcome("rewritten")
    counter.count_response(sql_request("immediate"), is_fired=True)
    counter.count_response(sql_request("immediate"), is_fired=False)
    assert outcomes == ["rewritten"]
    assert [(fired, active) for _, fired, active in sink.repairs] == [([ID], [ID]), ([], [ID])]
