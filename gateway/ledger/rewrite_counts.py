"""Counts of SQL commands that the repair `sql-parameter-conversion` examines, for the metrics."""

from collections.abc import Callable

from gateway.exchange import FhirRequest
from gateway.ledger.recorder import Recorder
from gateway.repairs.sql_parameter_conversion import ID


class RewriteCounter:
    """Counts outcomes, and the responses that the repair examined."""

    def __init__(self, recorder: Recorder, count_outcome: Callable[[str], None]) -> None:
        self._recorder = recorder
        self.count_outcome = count_outcome

    def count_response(self, request: FhirRequest, *, is_fired: bool) -> None:
        """Count a response that the repair examined, and whether the repair changed it or its request."""
        attribution = self._recorder.attribution_of(request)
        self._recorder.metrics.count_repairs(attribution, [ID] if is_fired else [], [ID])
