"""What a client has after it followed all pages of a search."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from oracle.searches import Search


@dataclass
class Answer:
    """Matches and includes of all pages, or the status and code of a refusal."""

    status: int = 200
    code: str = ""
    matches: list[tuple[str, str]] = field(default_factory=list)
    includes: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    pages: int = 0
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def refusal(response: httpx.Response) -> Answer:
    try:
        issue = response.json()["issue"][0]
        code = next((c["code"] for c in issue.get("details", {}).get("coding", [])), issue["code"])
    except (ValueError, KeyError):
        return Answer(response.status_code, problems=[f"no OperationOutcome: {response.text[:80]!r}"])
    return Answer(response.status_code, code)


def add_page(answer: Answer, search: Search, page: dict[str, Any]) -> None:
    answer.pages += 1
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
