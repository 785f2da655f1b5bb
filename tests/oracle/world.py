"""A gateway in front of an emulator in this process, a client that follows pages, and the verdict on an answer."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from conftest import KEY
from oracle.models import ADMIN_TOKEN, Model
from oracle.parameters import PARAMETERS, TYPES
from oracle.records import Records
from oracle.searches import Search
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.search.index import ParameterIndex
from gateway.emulator.sites import SITES

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MAX_PAGES: Final = 80
#: Indexes of the emulator by site and stored precision: the records are the same in every model.
_INDEXES: dict[tuple[str, str], ParameterIndex] = {}


@dataclass
class Answer:
    """What a client has after it followed all pages."""

    status: int = 200
    code: str = ""
    matches: list[tuple[str, str]] = field(default_factory=list)
    includes: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class World:
    """One model of an upstream with the gateway in front of it."""

    model: Model
    known: bool
    emulator: Any = None
    app: Starlette | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _records: dict[str, Records] = field(default_factory=dict)
    _earlier_queries: int = 0

    def __post_init__(self) -> None:
        self.emulator = create_emulator(self.model.emulator_settings())
        precision = str(sorted(self.model.stored_precision))
        for guid, practice in self.emulator.state.emulator.practices.items():
            practice.index = _INDEXES.setdefault((guid, precision), ParameterIndex())
        self._start()

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
        self._start()

    def _start(self) -> None:
        settings = self.model.gateway_settings(known=self.known)
        self.app = create_app(settings, transport=httpx.ASGITransport(self.emulator))

    def client(self) -> httpx.AsyncClient:
        assert self.app is not None
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY)

    async def records(self, guid: str) -> Records:
        """The truth: the emulator's active rows, with the `lastUpdated` that the gateway's reads show."""
        if guid not in self._records:
            transport = httpx.ASGITransport(self.emulator)
            tables = {}
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                for kind in TYPES:
                    rows = (await client.get(f"/_emulator/truth/{guid}/{kind}")).json()
                    tables[kind] = {row["resource"]["id"]: row["resource"] for row in rows if row["active"]}
            if not self.known:
                for kind in set(self.model.variants.get("last_updated", {})) & set(tables):
                    await self._show_as_read(guid, tables[kind], kind)
            self._records[guid] = Records(tables, SITES[guid].zone)
        return self._records[guid]

    async def _show_as_read(self, guid: str, rows: dict[str, Any], kind: str) -> None:
        async with self.client() as client:
            for identity, row in rows.items():
                read = (await client.get(f"{base(guid)}/{kind}/{identity}")).json()
                row["meta"] = {**row["meta"], "lastUpdated": read["meta"]["lastUpdated"]}

    async def answer(self, guid: str, search: Search) -> Answer:
        """Send a search and follow `next` to the end."""
        async with self.client() as client:
            url = f"{base(guid)}/{search.kind}"
            if search.is_post:
                query, form = search.query(in_form=False), search.query(in_form=True)
                response = await client.post(
                    f"{url}/_search{query and '?'}{query}", content=form, headers=FORM
                )
            else:
                response = await client.get(f"{url}?{search.query(in_form=False)}")
            return await self._follow(client, search, response)

    async def _follow(self, client: httpx.AsyncClient, search: Search, response: httpx.Response) -> Answer:
        answer = Answer()
        for _ in range(_MAX_PAGES):
            self.counts["requests"] += 1
            if response.status_code != httpx.codes.OK:
                return _refusal(response)
            page = response.json()
            _add_page(answer, search, page)
            links = {link["relation"]: link["url"] for link in page.get("link", [])}
            if "next" not in links:
                return answer
            response = await client.get(links["next"])
        answer.problems.append("the pages do not end")
        return answer


def base(guid: str) -> str:
    return f"http://gateway/integrator/sites/{guid}/fhir/R4"


def _refusal(response: httpx.Response) -> Answer:
    try:
        issue = response.json()["issue"][0]
        code = next((c["code"] for c in issue.get("details", {}).get("coding", [])), issue["code"])
    except (ValueError, KeyError):
        return Answer(response.status_code, problems=[f"no OperationOutcome: {response.text[:80]!r}"])
    return Answer(response.status_code, code)


def _add_page(answer: Answer, search: Search, page: dict[str, Any]) -> None:
    if "total" in page:
        answer.totals.add(page["total"])
    seen = set()
    for entry in page.get("entry", []):
        resource, mode = entry["resource"], entry.get("search", {}).get("mode")
        if mode == "outcome":
            answer.warnings += [
                i.get("code", "") for i in resource["issue"] if i["severity"] != "information"
            ]
            continue
        local = (resource["resourceType"], resource["id"])
        if local in seen:
            answer.problems.append("an entry is twice on one page")
        seen.add(local)
        if mode == "include" or (mode is None and local[0] != search.kind):
            answer.includes.add("/".join(local))
        elif local[0] == search.kind:
            answer.matches.append(local)
        else:
            answer.problems.append(f"a match of type {local[0]}")


def judge(model: Model, records: Records, search: Search, answer: Answer) -> str:
    """What is wrong with an answer, or an empty string. A refusal is judged by `is_allowed_refusal`."""
    now = datetime.now(UTC)
    if answer.status != httpx.codes.OK or answer.problems:
        return "; ".join(answer.problems)
    if answer.warnings and "warning" in model.permits:
        return ""
    problem = _difference(records, search, answer, search.criteria, now)
    if problem and answer.warnings and "superset" in model.permits:
        kept = [part for part in search.criteria if not _is_dropped(model, search.kind, part[0])]
        problem = _difference(records, search, answer, kept, now) and problem
    return problem


def _is_dropped(model: Model, kind: str, name: str) -> bool:
    code = name.partition(".")[0].partition(":")[0]
    return bool(model.dropped & {f"{kind}.{code}", f"*.{code}"})


def _difference(
    records: Records,
    search: Search,
    answer: Answer,
    criteria: list[tuple[str, tuple[str, ...]]],
    now: datetime,
) -> str:
    expected = records.select(search.kind, criteria, now)
    ids = [identity for _, identity in answer.matches]
    if answer.totals - {len(expected)}:
        return f"total {sorted(answer.totals)} for {len(expected)}"
    if search.is_count:
        return "" if answer.totals and not ids else f"a count with {len(ids)} entries, totals {answer.totals}"
    if len(ids) != len(set(ids)):
        return f"{len(ids) - len(set(ids))} matches are there twice"
    if set(ids) != expected:
        lost, more = sorted(expected - set(ids))[:4], sorted(set(ids) - expected)[:4]
        return f"{len(ids)} matches for {len(expected)}; lost {lost}, too many {more}"
    keys = [key for value in search.results("_sort") for key in value.split(",")]
    if keys and not records.is_sorted(search.kind, ids, keys[0]):
        return f"not in the order of {keys[0]}: {ids[:8]}"
    included = records.included(((search.kind, i) for i in expected), search.includes)
    found = answer.includes - {f"{search.kind}/{i}" for i in ids}
    if found != included:
        return f"includes: lost {sorted(included - found)[:4]}, too many {sorted(found - included)[:4]}"
    return ""


def is_allowed_refusal(model: Model, search: Search, answer: Answer) -> bool:
    """Whether the specification lets a server refuse this search; never a plain one, never with 5xx."""
    if "refusal" in model.permits:
        return True
    return answer.status < httpx.codes.INTERNAL_SERVER_ERROR and not is_plain(search)


def is_plain(search: Search) -> bool:
    """Whether any server must answer: no chain, no `ne` or list of dates, no date of a Period, no `_sort`."""
    dates = [values for name, values in search.criteria if _is_date(search.kind, name)]
    simple = all(len(values) == 1 and values[0][:2] not in {"ne", "ap"} for values in dates)
    names = [name for name, _ in search.criteria]
    periods = {"Encounter", "MedicationStatement", "PractitionerRole", "Schedule"}
    return (
        simple
        and len(dates) <= 1
        and not (dates and search.kind in periods)
        and not any("." in name or name.startswith("_has") or ":" in name for name in names)
        and not search.results("_sort")
        and not search.results("_elements")
    )


def _is_date(kind: str, name: str) -> bool:
    parameter = PARAMETERS[kind].get(name)
    return parameter is not None and parameter.is_date
