"""What a caller's responses or a broken response teach changes nothing for others (issue 12)."""

from adversary.test_s04_failures import VISIT, declare_last_visit, visit_sent
from end_to_end.failing_gateway import FailingGateway, error_code

#: It begins and ends as FHIR JSON does, so the client of the upstream does not refuse it.
BROKEN_STATEMENT = '{"resourceType":"CapabilityStatement","rest":[}'


def test_broken_statement_is_no_statement_without_dates(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=BROKEN_STATEMENT, path="/metadata", times=1)
    declare_last_visit(gateway)
    response = gateway.ask("GET", VISIT)
    assert error_code(response.json()["issue"][0]) == "parameter-type-unknown"
    assert visit_sent(gateway.pair) == []
    gateway.ask("GET", VISIT)
    assert visit_sent(gateway.pair) == ["lt2026-04-15T12:00:00"]
