"""Replay of a pack's examples, without a network: each must hold with the issue's verbs, and fail without."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.dates.timezones import load_zone
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import encode_resource, operation_outcome
from gateway.exchange import EPOCH, FhirRequest, FhirResponse, Headers, Site
from gateway.fhir.interaction import interaction_for
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.search_params import parse_search
from gateway.packs.facets import Facets
from gateway.packs.file import Answer, Example, Expected
from gateway.packs.load import PackIssue, read_issues
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.upstreams.dialect import Dialect

_SITE = Site("pack", load_zone("UTC"), "pack", is_mount=True)
PUBLIC_BASE, UPSTREAM_BASE = "https://gateway.example/fhir", "https://upstream.example/fhir"
_JSON = (("content-type", "application/fhir+json"),)
#: Characters of a text that a line shows.
_MAX_SHOWN = 300


class ExampleResult(NamedTuple):
    """Result of one example, or of an issue's proof; `problems` is empty if it holds."""

    place: str
    problems: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines for a person."""
        return tuple(f"{self.place}: {problem}" for problem in self.problems) or (f"{self.place}: ok",)


class Exchange(NamedTuple):
    """What the upstream received, and what the client got."""

    sent: tuple[FhirRequest, ...]
    response: FhirResponse


async def replay_pack(name_or_path: str) -> list[ExampleResult]:
    """Replay all examples of a pack. Raises PackError."""
    return [result for issue in read_issues(name_or_path) for result in await replay_issue(issue)]


async def replay_issue(issue: PackIssue) -> list[ExampleResult]:
    """Replay the examples of an issue, and show that each verb is needed by one of them."""
    results = []
    for number, example in enumerate(issue.examples, 1):
        problems = await _example_problems(issue, example)
        if not problems and not await _example_problems(issue._replace(verbs=()), example):
            problems = ("this example does not show the issue: it holds without the verbs, too",)
        results.append(ExampleResult(f"{issue.issue.id}: example {number}", problems))
    if not any(result.problems for result in results):
        for number in range(len(issue.verbs)):
            results += await _unneeded_verb(issue, number)
    return results


async def _unneeded_verb(issue: PackIssue, number: int) -> list[ExampleResult]:
    """Return a problem if all examples hold without a verb."""
    others = issue._replace(verbs=_without(issue.verbs, number))
    for example in issue.examples:
        if await _example_problems(others, example):
            return []
    return [ExampleResult(f"{issue.issue.id}: verb {number + 1}", ("no example shows that it is needed",))]


def _without(verbs: Sequence[Facets], number: int) -> tuple[Facets, ...]:
    return (*verbs[:number], *verbs[number + 1 :])


async def _example_problems(issue: PackIssue, example: Example) -> tuple[str, ...]:
    request = example_request(example)
    if request is None:
        return ("request: write a method and a URL below the FHIR base, such as GET Patient?name=a",)
    return tuple(_differences(example.expect, await exchange(issue, request, example.answer)))


async def exchange(issue: PackIssue, request: FhirRequest, answer: Answer) -> Exchange:
    """Return what an issue's repair makes of a request, if the upstream gives this answer."""
    sent, repair = list[FhirRequest](), issue.repair()
    dialect = Dialect("pack", issue.rules())

    async def upstream(request: FhirRequest) -> FhirResponse:
        sent.append(request)
        response = FhirResponse(answer.status, _headers(answer.headers) or _JSON, answer.body.encode())
        failure = dialect.failure_from_response(request, response, now=EPOCH)
        if failure is not None:
            raise failure
        return response

    handler = RequestRepairs(ResponseRepairs(upstream, [repair]), [repair])
    try:
        response = (await handler(request)).with_encoded_body()
    except Failure as failure:
        response = FhirResponse(failure.kind.status, _JSON, encode_resource(operation_outcome(failure)))
    except UnreadableError:
        response = FhirResponse(502, _JSON)
    return Exchange(tuple(sent), response)


def example_request(example: Example) -> FhirRequest | None:
    """Return the client's request of an example; None if it is none below a FHIR base."""
    method, _, url = example.request.partition(" ")
    path, _, query = url.partition("?")
    interaction = interaction_for(method, path)
    if interaction is None:
        return None
    search = parse_search(query, example.body if path.endswith("/_search") else "")
    return FhirRequest(
        method=method,
        interaction=interaction,
        path=path,
        public_base=PUBLIC_BASE,
        upstream_base=UPSTREAM_BASE,
        site=replace(_SITE, engine_version=example.engine_version),
        client_search=search,
        upstream_search=search,
        headers=_headers(example.headers),
        body=example.body.encode(),
        received_at=EPOCH,
    )


def _headers(headers: Mapping[str, str]) -> Headers:
    return tuple((name.lower(), value) for name, value in headers.items())


def _differences(expected: Expected, observed: Exchange) -> Iterator[str]:
    response, body = observed.response, observed.response.body.decode(errors="replace")
    if expected.request is not None and _request_key(expected.request) != _request_key(_sent_text(observed)):
        yield f"expected the upstream request {expected.request}, not {_sent_text(observed)}"
    for name, value in expected.request_headers.items():
        if not any(request.header(name.lower()) == value for request in observed.sent):
            yield f"expected {name}: {value} on the upstream request"
    if expected.status is not None and expected.status != response.status:
        yield f"expected the status {expected.status}, not {response.status}"
    for name, value in expected.headers.items():
        if response.header(name.lower()) != value:
            yield f"expected {name}: {value} on the answer, not {response.header(name.lower())}"
    if expected.body is not None and not _is_same_json(expected.body, body):
        yield f"expected another body than {body[:_MAX_SHOWN]}"
    yield from (f"expected {text} in the body" for text in expected.contains if text not in body)
    yield from (f"did not expect {text} in the body" for text in expected.lacks if text in body)


def _sent_text(observed: Exchange) -> str:
    texts = [f"{each.method} {each.upstream_url.removeprefix(f'{UPSTREAM_BASE}/')}" for each in observed.sent]
    return ", then ".join(texts) or "none"


def _request_key(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return path and parameters, whose order counts only among those of one name."""
    path, _, query = text.partition("?")
    parameters = [(each.name, each.value) for each in parse_search(query).parameters]
    return path, sorted(parameters, key=lambda each: each[0])


def _is_same_json(expected: str, observed: str) -> bool:
    try:
        return bool(json.loads(expected) == json.loads(observed))
    except ValueError:
        return expected == observed
