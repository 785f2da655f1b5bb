"""What no pack can do, whatever its verbs: tried with packs and exchanges that hypothesis makes up."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.packs import client_request

from gateway.errors.failure import Failure
from gateway.http.headers import CREDENTIALS
from gateway.packs.examples import exchange
from gateway.packs.file import VERBS, Answer, Table, When
from gateway.packs.judges import UnjudgedError, make_judge
from gateway.packs.load import PackIssue
from gateway.packs.problems import keys_of
from gateway.packs.verbs import verb_facets, verb_problems
from gateway.repairs.repair import KnownIssue

PAGE = (ROOT / "docs" / "quirk-packs.md").read_text(encoding="utf-8")
ISSUE = KnownIssue("vendor:one", "A fault", "https://vendor.example")
NAMES = [
    *(
        "gender",
        "active",
        "family",
        "given",
        "name",
        "birthdate",
        "organization",
        "identifier",
        "_id",
        "phone",
    ),
    *("_count", "_sort", "_total", "_elements", "_include", "mobile"),
]
name = st.sampled_from(NAMES)
status = st.sampled_from([100, 200, 204, 301, 400, 401, 403, 404, 410, 429, 500, 503, 599])
header = st.sampled_from(
    [
        *("Authorization", "Cookie", "Host", "Prefer", "Content-Type", "Accept-Language", "X-Api-Key"),
        *("Ocp-Apim-Subscription-Key", "ETag", "Set-Cookie"),
    ]
)
kind = st.sampled_from(["token", "string", "date", "reference", "none"])
default = st.sampled_from(["1", "male"])
value = st.sampled_from(
    ["handling=strict", "handling=lenient", "application/json", "en", "Bearer other", "x\r\ny: z"]
)
path = st.sampled_from(["Patient.gender", "Patient.id", "Patient.telecom.use", "Patient.name.family"])
code = st.sampled_from(["male", "female", "unknown", "m", "f", "cell", "mobile"])
reason = st.just("A reason of the vendor.")
TABLES = st.one_of(
    st.fixed_dictionaries({"rename": name, "to": name, "reason": reason}),
    st.fixed_dictionaries({"drop": name, "filter": kind, "reason": reason}),
    st.fixed_dictionaries({"filter": name, "reason": reason}),
    st.fixed_dictionaries(
        {"require": st.lists(name, min_size=1, max_size=2), "reason": reason}, optional={"default": default}
    ),
    st.fixed_dictionaries({"split-list": name, "into": st.sampled_from(["repeated", "list"])}),
    st.fixed_dictionaries({"limit-ids": st.integers(-1, 3)}, optional={"parameter": name}),
    st.fixed_dictionaries({"read-instead-of-search": st.booleans()}),
    st.fixed_dictionaries({"set-code": path, "value": code}),
    st.fixed_dictionaries({"map-code": path, "values": st.dictionaries(code, code, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"set-header": header, "value": value}, optional={"on": st.just("answer")}),
    st.fixed_dictionaries({"map-status": status}, optional={"says": st.just("has expired")}),
    st.fixed_dictionaries({"error-path": st.sampled_from(["error", "total", "id"]), "status": status}),
)  # fmt: skip
WHENS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Patient", "Observation"]),
        "parameter": st.lists(name, min_size=1, max_size=3),
        "status": st.lists(status, min_size=1, max_size=3),
    },
)
VALUES = st.sampled_from(
    ["male", "female", "true", "1990", "ex", "o1", "p1", "male,female", "a\\,b", "ap1990", ""]
)
QUERIES = st.lists(st.tuples(st.sampled_from([*NAMES, "gender:not", "name:exact"]), VALUES), max_size=4)
PATIENTS = st.lists(
    st.fixed_dictionaries(
        {"resourceType": st.just("Patient"), "id": st.sampled_from(["p1", "p2", "p3"])},
        optional={
            "gender": st.sampled_from(["male", "female", "m"]),
            "active": st.booleans(),
            "birthDate": st.sampled_from(["1990-01-01", "2000"]),
            "name": st.just([{"family": "Example"}]),
            "managingOrganization": st.just({"reference": "Organization/o1"}),
        },
    ),
    max_size=4,
)
CREDENTIAL_FIELDS = {"Authorization": "Bearer t", "Ocp-Apim-Subscription-Key": "k", "Cookie": "s=1"}


def compiled(tables: list[dict[str, Any]], when: dict[str, Any]) -> tuple[PackIssue, list[Table]]:
    """An issue with those verbs of a pack that the gateway accepts."""
    conditions, verbs = When.model_validate(when), []
    for table in tables:
        verb_name = next(each for each in VERBS if each in table)
        try:
            verb = VERBS[verb_name].model_validate(table)
        except ValidationError:
            continue
        if not list(verb_problems(verb, conditions)):
            verbs.append(verb)
    facets = tuple(verb_facets(verb, conditions, ISSUE.id) for verb in verbs)
    return PackIssue(ISSUE, facets, ()), verbs


def judged_names(verbs: list[Table]) -> Iterator[str]:
    for verb in verbs:
        row = verb.model_dump(by_alias=True)
        if "filter" in row:
            yield row.get("drop", row["filter"])


@settings(max_examples=400)
@given(st.lists(TABLES, min_size=1, max_size=4), WHENS, QUERIES, PATIENTS, status)
def test_no_pack_can_do_harm(
    tables: list[dict[str, Any]],
    when: dict[str, Any],
    query: list[tuple[str, str]],
    patients: list[dict[str, Any]],
    answered: int,
) -> None:
    issue, verbs = compiled(tables, when)
    url = "GET Patient?" + "&".join(f"{key}={text}" for key, text in query)
    request = client_request(url, **CREDENTIAL_FIELDS)
    entries = [{"resource": each, "search": {"mode": "match"}} for each in patients]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "diagnostics": "has expired"}],
    }
    is_error = answered >= 400
    answer = Answer(status=answered if is_error else 200, body=json.dumps(outcome if is_error else bundle))
    plain = asyncio.run(exchange(PackIssue(ISSUE, (), ()), request, answer))
    observed = asyncio.run(exchange(issue, request, answer))

    assert len(observed.sent) <= 1
    for sent in observed.sent:
        assert sent.upstream_base == request.upstream_base
        assert sent.path.partition("/")[0] == "Patient"
        for field in {*CREDENTIALS, "cookie", "host"}:
            assert sent.header(field) == request.header(field)
    if plain.response.status >= 400:
        assert observed.response.status >= 400
    if plain.response.status in {401, 403, 429} and observed.sent:
        assert observed.response.status == plain.response.status
    if observed.response.status == 200 and b'"searchset"' in observed.response.body and not is_error:
        shown = [each["resource"]["id"] for each in json.loads(observed.response.body).get("entry", [])]
        lost = [each for each in patients if shown.count(each["id"]) < ids(patients).count(each["id"])]
        for each in lost:
            assert each["id"] in shown or fails_a_judge(request, verbs, each)
        if len(shown) < len(patients):
            assert any(fails_a_judge(request, verbs, each) for each in patients)
            assert "total" not in json.loads(observed.response.body)


def ids(patients: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in patients]


def fails_a_judge(request: Any, verbs: list[Table], patient: dict[str, Any]) -> bool:
    """Whether a patient does not meet R4's meaning of a criterion by which a verb judges."""
    for judged in judged_names(verbs):
        criteria = [each for each in request.client_search.parameters if each.code == judged]
        try:
            if criteria and not make_judge(request, criteria)(patient):
                return True
        except UnjudgedError:
            continue
    return False


def test_the_strategies_reach_each_verb() -> None:
    """A verb that hypothesis never compiles would be a hole in the property above."""
    good: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"rename": "phone", "to": "mobile", "reason": "A reason of the vendor."}, {"type": "Patient"}),
        ({"drop": "gender", "filter": "token", "reason": "A reason of the vendor."}, {"type": "Patient"}),
        ({"filter": "gender", "reason": "A reason of the vendor."}, {"type": "Patient"}),
        ({"require": ["family"], "reason": "A reason of the vendor."}, {"parameter": ["given"]}),
        ({"split-list": "_sort", "into": "list"}, {}),
        ({"limit-ids": 1}, {}),
        ({"read-instead-of-search": True}, {"type": "Patient"}),
        ({"set-code": "Patient.gender", "value": "unknown"}, {}),
        ({"map-code": "Patient.gender", "values": {"m": "male"}}, {}),
        ({"set-header": "Prefer", "value": "handling=strict", "on": "request"}, {}),
        ({"map-status": 422}, {"status": [400]}),
        ({"error-path": "error", "status": 503}, {}),
    ]
    assert [next(each for each in VERBS if each in table) for table, _ in good] != []
    assert {next(each for each in VERBS if each in table) for table, _ in good} == set(VERBS)
    for table, when in good:
        issue, verbs = compiled([table], when)
        assert len(verbs) == 1, table
        assert any(facet for facet in issue.verbs[0])


@pytest.mark.parametrize("verb", VERBS)
def test_page_lists_the_keys_of_each_verb(verb: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{verb}` |"))
    assert re.findall(r"`([a-z-]+)`", row.split("|")[2]) == [
        key for key in keys_of(VERBS[verb]) if key != verb
    ]


def test_page_lists_the_keys_of_when() -> None:
    table = PAGE.partition("## When")[2].partition("## Verbs")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == keys_of(When)


def test_failure_of_a_refusal_names_no_value() -> None:
    issue, _ = compiled([{"limit-ids": 1}], {})
    repair = issue.repair()
    assert repair.request is not None
    with pytest.raises(Failure) as failure:
        repair.request(client_request("GET Patient?_id=secret1,secret2"))
    assert "secret" not in failure.value.text + failure.value.expression + failure.value.diagnostics
