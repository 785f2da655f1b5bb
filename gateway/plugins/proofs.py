"""Proofs of a repair over recorded exchanges, the same for the gateway's own repairs and those of plugins.

The fault is real, it is gone, the repair changes nothing twice, and what is healthy keeps its bytes.
"""

from collections.abc import Generator, Iterable
from typing import Any, NamedTuple

import msgspec

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.plugins.guards import with_guards
from gateway.plugins.recordings import Exchange
from gateway.repairs.apply import repair_response, response_steps
from gateway.repairs.repair import Repair
from gateway.repairs.witness import observations
from gateway.sites.issue_states import Verdict

_FIRST_ERROR_STATUS = 400


def check_repair(repair: Repair, exchanges: Iterable[Exchange]) -> None:
    """Raise AssertionError if an exchange does not prove the repair, or if one of either kind is missing."""
    recorded = tuple(exchanges)
    for exchange in recorded:
        check_exchange(repair, exchange)
    for shows in ("broken", "right"):
        _require(
            any(exchange.shows == shows for exchange in recorded),
            f"{repair.issue.id}: no recorded exchange shows {shows!r}: record one",
        )


def check_exchange(repair: Repair, exchange: Exchange) -> None:
    """Raise AssertionError, with what to do, if an exchange does not prove the repair."""
    check = _check_broken if exchange.shows == "broken" else _check_right
    check(_Proof(repair, exchange))


class _Result(NamedTuple):
    request: FhirRequest
    response: FhirResponse
    is_changed: bool


class _Proof:
    """A repair and one exchange."""

    def __init__(self, repair: Repair, exchange: Exchange) -> None:
        self.exchange = exchange
        self.witness = ((repair.issue.id, repair.witness),) if repair.witness else ()
        self.name = f"{repair.issue.id}, {exchange}"
        self.request, self.response = exchange.as_request(), exchange.as_response()
        self._repair = with_guards(repair, ())

    def apply(self, request: FhirRequest, response: FhirResponse) -> _Result:
        """Repair request and response as the gateway does; the response to an error has no repair."""
        try:
            sent = self._repair.request(request) if self._repair.request else request
            if response.status >= _FIRST_ERROR_STATUS:
                return _Result(sent, response, sent is not request)
            repaired = _run(repair_response(sent, response, response_steps([self._repair])))
        except Failure as failure:
            raise AssertionError(f"{self.name}: {failure.kind.code}: {failure.diagnostics}") from failure
        is_changed = sent is not request or bool(repaired.applied_repairs)
        return _Result(sent, repaired.with_encoded_body(), is_changed)

    def verdicts(self, response: FhirResponse) -> set[Verdict]:
        """Return what the witness says about a response."""
        return {found.verdict for found in observations(self.request, response, self.witness)}


def _check_broken(proof: _Proof) -> None:
    expect, before = proof.exchange.expect, proof.verdicts(proof.response)
    result = proof.apply(proof.request, proof.response)
    _require(result.is_changed, f"{proof.name}: the fault is not real, the repair changes nothing")
    after = proof.verdicts(result.response)
    _require(
        expect is not None or "broken" in before,
        f"{proof.name}: nothing shows the fault: write `expect`, or a witness that says broken",
    )
    _require(not before or "broken" in before, f"{proof.name}: the witness says {sorted(before)}, not broken")
    _require("broken" not in after, f"{proof.name}: the witness still says broken after the repair")
    if expect is not None:
        _require_equal(proof.name, "request", _line(result.request), expect.request or _line(result.request))
        _require_equal(proof.name, "body", _value(result.response.body), expect.body)
        for name, value in expect.headers.items():
            _require_equal(proof.name, f"header {name}", result.response.header(name.lower()), value)
    again = proof.apply(result.request, result.response.replace(bundle=None, applied_repairs=()))
    is_same = not again.is_changed and again.response.body == result.response.body
    _require(is_same, f"{proof.name}: the repair changes its own result again")


def _check_right(proof: _Proof) -> None:
    result = proof.apply(proof.request, proof.response)
    is_same = not result.is_changed and result.response.body == proof.response.body
    _require(is_same, f"{proof.name}: the repair changes what is healthy; return the argument itself")
    _require("broken" not in proof.verdicts(proof.response), f"{proof.name}: the witness says broken")


def _run(steps: Generator[bool, None, FhirResponse]) -> FhirResponse:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            response: FhirResponse = end.value
            return response


def _line(request: FhirRequest) -> str:
    query = request.upstream_search.query
    return f"{request.method} {request.path}?{query}" if query else f"{request.method} {request.path}"


def _value(body: bytes) -> Any:
    return msgspec.json.decode(body) if body else None


def _require_equal(name: str, part: str, found: Any, wanted: Any) -> None:
    if wanted is not None:
        _require(found == wanted, f"{name}: the {part} after the repair is {found!r}, not {wanted!r}")


def _require(is_true: bool, text: str) -> None:
    if not is_true:
        raise AssertionError(text)
