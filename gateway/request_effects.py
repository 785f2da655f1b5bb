"""What a client's request has caused so far, for its answer and log line if the shutdown cuts it off.

The handlers return what they caused with their response; one that is cut off returns nothing.
"""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class RequestEffects:
    """Queries that may be billed and that no event names yet, and what else its last event says.

    `only_reads`: it is a batch that only reads. `trace_id`: empty without a trace.

    The endpoint makes one for a request, and the entries of a batch have that of the batch.
    """

    queries: int = 0
    only_reads: bool = False
    trace_id: str = ""
