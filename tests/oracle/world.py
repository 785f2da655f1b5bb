"""A gateway in front of an emulator, in this process, and a client that follows pages."""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from conftest import KEY
from oracle.answer import Answer, add_page, refusal
from oracle.models import ADMIN_TOKEN, Model
from oracle.parameters import TYPES
from oracle.records import Records
from oracle.searches import Search
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.search.index import ParameterIndex
from gateway.emulator.sites import SITES

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MAX_PAGES: Final = 1_000
#: Indexes of the emulator by site and stored precision: the records are the same in every model.
_INDEXES: dict[tuple[str, str], ParameterIndex] = {}
#: Records of the emulator, likewise.
_TRUTHS: dict[tuple[str, str], Records] = {}


@dataclass
class World:
    """One model of an upstream with the gateway in front of it, from `start` to `stop`."""

    model: Model
    known: bool
    emulator: Any = None
    app: Starlette | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _records: dict[str, Records] = field(default_factory=dict)
    _earlier_queries: int = 0
    _last_etag: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.emulator = create_emulator(self.model.emulator_settings())
        for guid, practice in self.emulator.state.emulator.practices.items():
            practice.index = _INDEXES.setdefault((guid, self._precision), ParameterIndex())

    @property
    def _precision(self) -> str:
        return str(sorted(self.model.stored_precision))

    async def billed_queries(self) -> tuple[int, int]:
        """Queries in the ledger of the gateway, certain and possible ones; and in the emulator's bill."""
        totals = await self._ledger_totals()
        certain = self._earlier_queries + totals["billed"]["queries"] + totals["maybe-billed"]["queries"]
        return certain, self.emulator.state.emulator.bill.queries.total()

    async def _ledger_totals(self) -> dict[str, Any]:
        async with self.client() as client:
            response = await client.get("/admin/ledger", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
            totals: dict[str, Any] = response.json()["totals"]
            return totals

    async def restart(self) -> None:
        """Replace the gateway by one that has learned nothing."""
        self._earlier_queries, _ = await self.billed_queries()
        await self.stop()
        await self.start()

    async def start(self) -> None:
        """Start a gateway in front of the emulator."""
        settings = self.model.gateway_settings(known=self.known)
        self.app = create_app(settings, transport=httpx.ASGITransport(self.emulator))
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))

    async def stop(self) -> None:
        """Close what the gateway holds, such as its ledger."""
        await self._stack.aclose()

    def client(self) -> httpx.AsyncClient:
        assert self.app is not None
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY)

    async def records(self, guid: str) -> Records:
        """The truth: the emulator's active rows, with the `lastUpdated` that the gateway's reads show."""
        if guid not in self._records:
            changed = set(self.model.variants.get("last_updated", {})) if not self.known else set()
            truth = await self._truth(guid)
            tables = {kind: {**truth.tables[kind]} for kind in changed}
            for kind, rows in tables.items():
                await self._show_as_read(guid, rows, kind)
            self._records[guid] = Records({**truth.tables, **tables}, truth.zone) if tables else truth
        return self._records[guid]

    async def _truth(self, guid: str) -> Records:
        key = (guid, self._precision)
        if key not in _TRUTHS:
            tables = {}
            transport = httpx.ASGITransport(self.emulator)
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                for kind in TYPES:
                    rows = (await client.get(f"/_emulator/truth/{guid}/{kind}")).json()
                    tables[kind] = {row["resource"]["id"]: row["resource"] for row in rows if row["active"]}
            _TRUTHS[key] = Records(tables, SITES[guid].zone)
        return _TRUTHS[key]

    async def _show_as_read(self, guid: str, rows: dict[str, Any], kind: str) -> None:
        async with self.client() as client:
            page = (await client.get(f"{base(guid)}/{kind}?_count=1000")).json()
        resources = [entry["resource"] for entry in page["entry"]]
        shown = {resource["id"]: resource["meta"]["lastUpdated"] for resource in resources}
        for identity, row in rows.items():
            rows[identity] = {**row, "meta": {**row["meta"], "lastUpdated": shown[identity]}}

    async def answer(self, guid: str, search: Search) -> Answer:
        """Send a search, with the ETag of the one before where there is a cache; follow `next` to the end."""
        async with self.client() as client:
            response = await self._send(client, guid, search, {"If-None-Match": self._last_etag})
            if response.status_code == httpx.codes.NOT_MODIFIED and self._last_etag:
                response = await self._send(client, guid, search, {})
                if response.headers.get("etag") != self._last_etag:
                    return Answer(problems=["304 for another answer"])
            self._last_etag = response.headers.get("etag", "") if self.model.cache != "off" else ""
            return await self._follow(client, search, response)

    async def _send(
        self, client: httpx.AsyncClient, guid: str, search: Search, conditions: dict[str, str]
    ) -> httpx.Response:
        url = f"{base(guid)}/{search.kind}"
        headers = {name: value for name, value in conditions.items() if value}
        if not search.is_post:
            return await client.get(f"{url}?{search.query(in_form=False)}", headers=headers)
        query, form = search.query(in_form=False), search.query(in_form=True)
        url = f"{url}/_search{query and '?'}{query}"
        return await client.post(url, content=form, headers=FORM | headers)

    async def _follow(self, client: httpx.AsyncClient, search: Search, response: httpx.Response) -> Answer:
        answer = Answer()
        for _ in range(_MAX_PAGES):
            self.counts["requests"] += 1
            if response.status_code != httpx.codes.OK:
                return refusal(response)
            page = response.json()
            add_page(answer, search, page)
            links = {link["relation"]: link["url"] for link in page.get("link", [])}
            if "next" not in links:
                return answer
            response = await client.get(links["next"])
        answer.problems.append("the pages do not end")
        return answer


def base(guid: str) -> str:
    return f"http://gateway/integrator/sites/{guid}/fhir/R4"
