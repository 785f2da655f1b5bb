"""What the practices hold, and whether an answer is that and nothing else."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from end_to_end.chaos_world import KEYS, World
from end_to_end.failing import outcome

SYSTEM = "urn:chaos:writer"
TYPES = ("Patient", "Appointment", "Observation", "DocumentReference")
#: The searches that are walked to their end: type, criteria, includes.
SEARCHES: dict[str, tuple[str, dict[str, str]]] = {
    "people": ("Patient", {}),
    "diary": ("Appointment", {"_include": "Appointment:patient"}),
    "results": ("Observation", {"patient": "1"}),
    "letters": ("DocumentReference", {"patient": "1", "_include": "DocumentReference:subject"}),
}
_BASE = re.compile(rb'https?://[^"]*?/fhir/R4/')


def plain(resource: dict[str, Any]) -> Any:
    """A resource without what a gateway may change: where it is, and how a time is written."""
    kept = {name: value for name, value in resource.items() if name != "meta"}
    return msgspec.json.decode(_BASE.sub(b"", msgspec.json.encode(kept)))


def identifier(resource: dict[str, Any]) -> str:
    """A writer's own identifier, if a resource has one."""
    found = (each["value"] for each in resource.get("identifier", []) if each.get("system") == SYSTEM)
    return next(found, "")


@dataclass
class Truth:
    """The records of every site at the start, and what has been wrong with answers."""

    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    expected: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    included: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    _known: set[tuple[str, bytes]] = field(default_factory=set)

    def read(self, world: World) -> None:
        """Take the emulator's tables for true."""
        for site in KEYS:
            for kind in TYPES:
                rows = world.control("GET", f"truth/{site}/{kind}")
                active = [each["resource"] for each in rows if each["active"]]
                self.rows[site, kind] = {each["id"]: plain(each) for each in active}
            for name in SEARCHES:
                self.expected[site, name], self.included[site, name] = self._found(site, name)

    def _found(self, site: str, name: str) -> tuple[set[str], set[str]]:
        kind, criteria = SEARCHES[name]
        rows = self.rows[site, kind].values()
        wanted = f"Patient/{criteria['patient']}" if "patient" in criteria else ""
        matches = [each for each in rows if not wanted or each["subject"]["reference"] == wanted]
        named = {_patient(each) for each in matches} if "_include" in criteria else set()
        return {each["id"] for each in matches}, named & set(self.rows[site, "Patient"])

    def accuse(self, what: str) -> None:
        self.wrong[what] += 1

    def resource(self, site: str, raw: bytes) -> dict[str, Any]:
        """A resource that is this site's own, as it is there; a writer's is told by its identifier."""
        found: dict[str, Any] = msgspec.json.decode(raw)
        if (site, raw) in self._known:
            return found
        kind, name = found.get("resourceType", ""), found.get("id", "")
        row = self.rows.get((site, kind), {}).get(name)
        if identifier(found):
            self._judge(found["name"][0]["family"] == family(site), "a written patient of another site")
        else:
            self._judge(plain(found) == row, f"{kind} is not what the site holds")
            self._known.add((site, raw))
        return found

    def _judge(self, right: object, otherwise: str) -> None:
        if not right:
            self.accuse(otherwise)

    def refused(self, answer: httpx.Response) -> str:
        """The code of a failure that is as every failure must be."""
        try:
            issue = outcome(answer)
        except (AssertionError, ValueError, KeyError) as problem:
            self.accuse(f"{answer.status_code} is no proper OperationOutcome: {str(problem)[:80]}")
            return ""
        codes = [each["code"] for each in issue["details"]["coding"]]
        if codes[0] in {"gateway-error", "page-unknown", "page-expired"}:
            self.accuse(f"{codes[0]}, which nothing in a run explains")
        return str(codes[0])


def family(site: str) -> str:
    """The surname of those whom writers add at a site."""
    return f"Zzyzx-{site[-4:]}"


def _patient(resource: dict[str, Any]) -> str:
    actors = [each["actor"] for each in resource.get("participant", [])] or [resource.get("subject", {})]
    references = (each.get("reference", "") for each in actors)
    return next((each.rpartition("/")[2] for each in references if each.startswith("Patient/")), "")


class _Entry(msgspec.Struct):
    resource: msgspec.Raw
    search: dict[str, str]


class Page(msgspec.Struct):
    """A searchset whose resources are still bytes."""

    resourceType: str  # noqa: N815 - FHIR's
    link: list[dict[str, str]]
    entry: list[_Entry] = []
    total: int | None = None

    def next(self) -> str:
        return next((each["url"] for each in self.link if each["relation"] == "next"), "")

    def of(self, mode: str) -> list[bytes]:
        return [bytes(each.resource) for each in self.entry if each.search["mode"] == mode]


@dataclass
class Walk:
    """One search from page to page: in the end every match, each once, and everything included."""

    truth: Truth
    site: str
    name: str
    count: int
    ids: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    pages: int = 0

    def path(self) -> str:
        kind, criteria = SEARCHES[self.name]
        return f"{kind}?{httpx.QueryParams({**criteria, '_count': str(self.count)})}"

    def page(self, body: bytes) -> str:
        """The URL of the page after this one, which is judged; empty after the last."""
        try:
            page = msgspec.json.decode(body, type=Page)
        except msgspec.MsgspecError as problem:
            self.truth.accuse(f"a page that cannot be read: {problem}")
            return ""
        self.pages += 1
        matches = [self.truth.resource(self.site, each) for each in page.of("match")]
        self._judge(0 < len(matches) <= self.count, f"{len(matches)} matches on a page of {self.name}")
        self._judge(not page.of("outcome"), f"an outcome on a page of {self.name}")
        self.ids += [each["id"] for each in matches if not identifier(each)]
        included = [self.truth.resource(self.site, each)["id"] for each in page.of("include")]
        self._judge(len(set(included)) == len(included), f"included twice on a page of {self.name}")
        self._judge(self._named(matches) == set(included), f"includes of a page of {self.name}")
        self.others |= set(included)
        if not page.next():
            self.ended()
        return page.next()

    def _named(self, matches: list[dict[str, Any]]) -> set[str]:
        if "_include" not in SEARCHES[self.name][1]:
            return set()
        return {_patient(plain(each)) for each in matches} & set(self.truth.rows[self.site, "Patient"])

    def ended(self) -> None:
        expected = self.truth.expected[self.site, self.name]
        self._judge(len(self.ids) == len(set(self.ids)), f"{self.name}: a match came twice")
        self._judge(
            set(self.ids) == expected, f"{self.name}: {len(set(self.ids))} of {len(expected)} matches"
        )
        self._judge(self.others == self.truth.included[self.site, self.name], f"{self.name}: included")

    def _judge(self, right: object, otherwise: str) -> None:
        if not right:
            self.truth.accuse(otherwise)
