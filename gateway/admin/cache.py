"""`/admin/cache` and `/admin/purge`: what is kept, and forgetting it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import Pages
from gateway.admin.requests import Names, bad, content, parameters, shown
from gateway.fhir.resource_types import RESOURCE_TYPES

_log = structlog.get_logger()

#: Site GUID, resource type and patient id (each of the last two may be empty: all).
Forget = Callable[[str, str, str], Awaitable[None]]
Statistics = Callable[[], Awaitable[Mapping[str, Any]]]


class Purge(msgspec.Struct, forbid_unknown_fields=True):
    """What to forget: of a site, only one type, or only what may be about one patient."""

    site: str
    type: str = ""
    patient: Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-.]{0,64}$")] = ""


@dataclass(frozen=True, slots=True)
class CachePages:
    """The cache's figures, and purges."""

    statistics: Statistics
    forget: Forget
    names: Names
    now: Callable[[], datetime]

    def pages(self) -> Pages:
        """The endpoints."""
        return {("GET", "/admin/cache"): self.cache, ("POST", "/admin/purge"): self.purge}

    async def cache(self, request: Request) -> Response:
        """What is kept and what that saved. Raises Failure 400."""
        parameters(request, ())
        return shown(await self.statistics(), self.now())

    async def purge(self, request: Request) -> Response:
        """Nothing of what is named is served any more. Raises Failure 400."""
        parameters(request, ())
        asked = await content(request, Purge, _PURGE)
        site = self.names.checked(asked.site)
        if asked.type and asked.type not in RESOURCE_TYPES:
            raise bad("type is a resource type of FHIR R4, with a capital.", "type")
        await self.forget(site, asked.type, asked.patient)
        what = "patient" if asked.patient else "type" if asked.type else "site"
        _log.info("purged", site=self.names.alias(site), what=what, type=asked.type)
        return shown({"purged": what, "site": site}, self.now())


_PURGE = (
    'Send JSON like {"site": "<Halo GUID or alias>", "type": "Patient", "patient": "1"}; type and patient may'
    " be left out, nothing else may be in."
)


def by_type(tally: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Requests by outcome, in all and by resource type."""
    totals, types = Counter[str](), dict[str, dict[str, int]]()
    for (type_, outcome), count in sorted(tally.items()):
        totals[outcome] += count
        types.setdefault(type_ or "none", {})[outcome] = count
    return {"requests": dict(totals), "types": types}
