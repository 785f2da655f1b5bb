"""Notes which engine a site's answers come from."""

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.sites.engine_version import Engines


class Recognised:
    """Stands around the upstream, where every answer passes as it came."""

    def __init__(self, inner: Handler, engines: Engines) -> None:
        self._inner = inner
        self._engines = engines

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged."""
        response = await self._inner(request)
        await self._engines.observe(request, response)
        return response
