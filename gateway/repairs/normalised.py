"""Applies the repairs' request facets: what goes on from here is a question the upstream understands."""

from collections.abc import Sequence

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.repair import Repair


class Normalised:
    """The request mended on the way in; which repairs fired is said on the way out."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer to the mended request. Raises Failure for what no repair can express."""
        mended, fired = _mended(request, [each for each in self._repairs if each.active(request.site)])
        response = await self._inner(mended)
        return response.changed(repairs=fired + response.repairs) if fired else response


def _mended(request: FhirRequest, repairs: Sequence[Repair]) -> tuple[FhirRequest, tuple[str, ...]]:
    fired: tuple[str, ...] = ()
    for repair in repairs:
        before = request
        request = repair.request(before) if repair.request else before
        fired += () if request is before or _sent(request) == _sent(before) else (repair.issue.id,)
    return request, fired


def _sent(request: FhirRequest) -> tuple[object, ...]:
    """What goes upstream."""
    return request.parts or (request.search,), request.headers, request.body
