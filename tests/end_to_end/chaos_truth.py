"""Oracle of the chaos test: the practices' data, and checks of responses."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from end_to_end.chaos_world import KEYS, Processes
from end_to_end.failing_gateway import checked_issue

SYSTEM = "urn:chaos:writer"
TYPES = ("Patient", "Appointment", "Observation", "DocumentReference")
#: Searches that clients read to the last page: type, and criteria with includes.
SEARCHES: dict[str, tuple[str, dict[str, str]]] = {
    "people": ("Patient", {}),
    "diary": ("Appointment", {"_include": "Appointment:patient"}),
    "results": ("Observation", {"patient": "1"}),
    "june": ("Appointment", {"date": "2026-06", "_include": "Appointment:patient"}),
    "letters": ("DocumentReference", {"patient": "1", "_include": "DocumentReference:subject"}),
}
_BASE = re.compile(rb'https?://[^"]*?/fhir/R4/')


def normalized(resource: dict[str, Any]) -> Any:
    """Resource without the parts that a gateway may change: base URLs and `meta`."""
    content = {name: value for name, value in resource.items() if name != "meta"}
    return msgspec.json.decode(_BASE.sub(b"", msgspec.json.encode(content)))


def identifier(resource: dict[str, Any]) -> str:
    """Identifier of a writer in a resource, or ""."""
    values = (item["value"] for item in resource.get("identifier", []) if item.get("system") == SYSTEM)
    return next(values, "")


@dataclass
class Oracle:
    """Records of every site at the start, and the number of errors in responses by description."""

    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    expected: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    included: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    _checked: set[tuple[str, bytes]] = field(default_factory=set)

    def read(self, world: Processes) -> None:
        """Read the emulator's tables."""
        for site in KEYS:
            for kind in TYPES:
                rows = world.control("GET", f"truth/{site}/{kind}")
                active = [row["resource"] for row in rows if row["active"]]
                self.rows[site, kind] = {resource["id"]: normalized(resource) for resource in active}
            for name in SEARCHES:
                self.expected[site, name], self.included[site, name] = self._expected_ids(site, name)

    def _expected_ids(self, site: str, name: str) -> tuple[set[str], set[str]]:
        kind, criteria = SEARCHES[name]
        rows = self.rows[site, kind].values()
        subject = f"Patient/{criteria['patient']}" if "patient" in criteria else ""
        matches = [
            row
            for row in rows
            if (not subject or row["subject"]["reference"] == subject)
            and row.get("start", "").startswith(criteria.get("date", ""))
        ]
        patients = {_patient(match) for match in matches} if "_include" in criteria else set()
        return {match["id"] for match in matches}, patients & set(self.rows[site, "Patient"])

    def report_error(self, what: str) -> None:
        self.errors[what] += 1

    def resource(self, site: str, raw: bytes) -> dict[str, Any]:
        """Decode a resource and check that it is the site's; a writer's resource has its identifier."""
        resource: dict[str, Any] = msgspec.json.decode(raw)
        if (site, raw) in self._checked:
            return resource
        kind, name = resource.get("resourceType", ""), resource.get("id", "")
        row = self.rows.get((site, kind), {}).get(name)
        if identifier(resource):
            self._check(_name(resource) == family(site), f"a written {kind} of another site")
        else:
            self._check(normalized(resource) == row, f"{kind} differs from the record of the site")
            self._checked.add((site, raw))
        return resource

    def _check(self, condition: object, error: str) -> None:
        if not condition:
            self.report_error(error)

    def check_error_response(self, response: httpx.Response) -> str:
        """Check an error response and return its code."""
        try:
            issue = checked_issue(response)
        except (AssertionError, ValueError, KeyError) as problem:
            self.report_error(f"{response.status_code} is not a valid OperationOutcome: {str(problem)[:80]}")
            return ""
        codes = [coding["code"] for coding in issue["details"]["coding"]]
        if codes[0] in {"gateway-error", "page-unknown", "page-expired"}:
            self.report_error(f"{codes[0]}, which no fault of the run explains")
        return str(codes[0])


def family(site: str) -> str:
    """Surname of the patients and description of the appointments that writers create at a site."""
    return f"Zzyzx-{site[-4:]}"


def _name(resource: dict[str, Any]) -> object:
    return resource["name"][0]["family"] if "name" in resource else resource.get("description")


def _patient(resource: dict[str, Any]) -> str:
    actors = [participant["actor"] for participant in resource.get("participant", [])] or [
        resource.get("subject", {})
    ]
    references = (actor.get("reference", "") for actor in actors)
    return next(
        (reference.rpartition("/")[2] for reference in references if reference.startswith("Patient/")), ""
    )


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
        return next((link["url"] for link in self.link if link["relation"] == "next"), "")

    def with_mode(self, mode: str) -> list[bytes]:
        return [bytes(entry.resource) for entry in self.entry if entry.search["mode"] == mode]


@dataclass
class SearchWalk:
    """A search from page to page: at the end every match exactly once, and every include."""

    oracle: Oracle
    site: str
    name: str
    count: int
    ids: list[str] = field(default_factory=list)
    included_ids: set[str] = field(default_factory=set)
    pages: int = 0

    def path(self) -> str:
        kind, criteria = SEARCHES[self.name]
        return f"{kind}?{httpx.QueryParams({**criteria, '_count': str(self.count)})}"

    def page(self, body: bytes) -> str:
        """Check a page and return the URL of the next page; empty after the last page."""
        try:
            page = msgspec.json.decode(body, type=Page)
        except msgspec.MsgspecError as problem:
            self.oracle.report_error(f"an unreadable page: {problem}")
            return ""
        self.pages += 1
        matches = [self.oracle.resource(self.site, raw) for raw in page.with_mode("match")]
        self._check(0 < len(matches) <= self.count, f"{len(matches)} matches on a page of {self.name}")
        self._check(not page.with_mode("outcome"), f"an outcome on a page of {self.name}")
        self.ids += [match["id"] for match in matches if not identifier(match)]
        included = [self.oracle.resource(self.site, raw)["id"] for raw in page.with_mode("include")]
        self._check(len(set(included)) == len(included), f"included twice on a page of {self.name}")
        self._check(self._referenced_patients(matches) == set(included), f"includes of a page of {self.name}")
        self.included_ids |= set(included)
        if not page.next():
            self.check_end()
        return page.next()

    def _referenced_patients(self, matches: list[dict[str, Any]]) -> set[str]:
        if "_include" not in SEARCHES[self.name][1]:
            return set()
        return {_patient(normalized(match)) for match in matches} & set(
            self.oracle.rows[self.site, "Patient"]
        )

    def check_end(self) -> None:
        expected = self.oracle.expected[self.site, self.name]
        self._check(len(self.ids) == len(set(self.ids)), f"{self.name}: a match occurs twice")
        self._check(
            set(self.ids) == expected, f"{self.name}: {len(set(self.ids))} of {len(expected)} matches"
        )
        self._check(self.included_ids == self.oracle.included[self.site, self.name], f"{self.name}: included")

    def _check(self, condition: object, error: str) -> None:
        if not condition:
            self.oracle.report_error(error)
