"""Deadline of the waits of a request."""

import pytest
from support.requests import fhir_request
from support.scripted_upstream import OK, ScriptedUpstream

from gateway.resilience.wait_deadline import WaitDeadline

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("prefer", "deadline"), [("", 110.0), ("wait=3", 103.0), ("wait=99", 110.0), ("respond-async", 110.0)]
)
async def test_deadline_is_set_once(prefer: str, deadline: float) -> None:
    upstream = ScriptedUpstream(OK)
    handler = WaitDeadline(upstream, 10, lambda: 100.0)
    await handler(fhir_request(headers=(("prefer", prefer),)))
    await handler(fhir_request(deadline=42.0))
    assert [request.deadline for request in upstream.requests] == [deadline, 42.0]
