"""Packs as text, compiled, and their exchanges without a network."""

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.exchange import FhirRequest, FhirResponse
from gateway.packs.examples import Exchange, example_request, exchange
from gateway.packs.file import Answer, Example
from gateway.packs.load import PackIssue, read_issues

_EXAMPLE = '[[issue.example]]\nrequest = "GET Patient"\nexpect = { status = 200 }\n'


def pack_text(do: str, when: str = "", issue: str = "one") -> str:
    """Pack of one issue with a trivial example."""
    head = f'id = "{issue}"\ntitle = "A fault"\nsource = "https://vendor.example/docs"\n'
    return f"[[issue]]\n{head}when = {{ {when} }}\ndo = [{do}]\n{_EXAMPLE}"


def write_pack(folder: Path, text: str, name: str = "vendor") -> str:
    """Path of a pack's file."""
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def pack_issue(folder: Path, do: str, when: str = "") -> PackIssue:
    """Compiled issue."""
    return read_issues(write_pack(folder, pack_text(do, when)))[0]


def client_request(text: str, body: str = "", **headers: str) -> FhirRequest:
    """Client's request by method and URL below the base."""
    example = Example.model_validate({"request": text, "headers": headers, "body": body, "expect": {}})
    request = example_request(example)
    assert request is not None, text
    return request


def run(
    issue: PackIssue, request: FhirRequest | str, content: Any = None, status: int = 200, **headers: str
) -> Exchange:
    """Exchange in which the upstream answers with this JSON."""
    body = json.dumps(content or searchset())
    answer = Answer.model_validate({"status": status, "headers": headers, "body": body})
    asked = client_request(request) if isinstance(request, str) else request
    return asyncio.run(exchange(issue, asked, answer))


def sent_url(observed: Exchange) -> str:
    """URL of the upstream request below the base; empty if there is none."""
    return "".join(each.upstream_url.removeprefix(f"{each.upstream_base}/") for each in observed.sent)


def searchset(*resources: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Searchset of matches, with the total."""
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    entry = {"entry": entries} if entries else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries)} | fields | entry


def resource_ids(response: FhirResponse) -> list[str]:
    """Ids of the entries of a Bundle."""
    return [entry["resource"]["id"] for entry in json.loads(response.body).get("entry", [])]
