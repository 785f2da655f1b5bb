"""Replay: each example holds with the verbs of its issue, and fails without."""

import asyncio
import re
from pathlib import Path

import pytest
from conftest import ROOT
from support.packs import pack_text, run, sent_url, write_pack

from gateway.packs.examples import ExampleResult, replay_issue, replay_pack
from gateway.packs.load import PackIssue, read_issues, shipped_packs
from gateway.settings import load

ISSUES = [issue for name in shipped_packs() for issue in read_issues(name)]
PAGE = (ROOT / "docs" / "quirk-packs.md").read_text(encoding="utf-8")
TWO_IDS = 'request = "GET Patient?_id=a,b"\n'
CONFIGURATION, PACK = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def replay(folder: Path, text: str) -> list[ExampleResult]:
    return asyncio.run(replay_pack(write_pack(folder, text)))


def with_example(do: str, example: str, when: str = "") -> str:
    return pack_text(do, when).partition("[[issue.example]]")[0] + "[[issue.example]]\n" + example


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue.issue.id)
def test_examples_of_a_shipped_issue_hold(issue: PackIssue) -> None:
    results = asyncio.run(replay_issue(issue))
    assert [result.place for result in results] == [
        f"{issue.issue.id}: example {number}" for number in range(1, len(issue.examples) + 1)
    ]
    assert not [result for result in results if result.problems]


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue.issue.id)
def test_shipped_issue_without_one_of_its_verbs_fails(issue: PackIssue) -> None:
    for number in range(len(issue.verbs)):
        fewer = issue._replace(verbs=issue.verbs[:number] + issue.verbs[number + 1 :])
        assert any(result.problems for result in asyncio.run(replay_issue(fewer)))


def test_pack_of_the_page_has_three_issues_that_hold(tmp_path: Path) -> None:
    results = replay(tmp_path, PACK)
    assert [result.lines for result in results] == [
        ("vendor:phone-is-mobile: example 1: ok",),
        ("vendor:gender-is-refused: example 1: ok",),
        ("vendor:session-ended: example 1: ok",),
    ]


def test_example_that_holds_without_the_verb_is_refused(tmp_path: Path) -> None:
    [result] = replay(tmp_path, pack_text("{ limit-ids = 3 }"))
    assert result.problems == ("this example does not show the issue: it holds without the verbs, too",)


@pytest.mark.parametrize(
    ("id_", "url"),
    [
        ("epic:observation-needs-category", "Observation?patient=p1&code=http://loinc.org|4548-4"),
        ("epic:observation-needs-category", "Observation?_id=o1&patient=p1"),
        ("epic:observation-needs-patient", "Observation?subject=Patient/p1&category=laboratory"),
        ("epic:patient-search-by-likeness", "Patient?family=Example&birthdate=1990-01-01"),
        ("medirecords:identifier-needs-demographics", "Patient?family=Example&birthdate=1990-01-01"),
        ("medirecords:phone-needs-telecom", "Patient?telecom=mobile&phone=0400000000"),
        ("medirecords:allergy-needs-patient", "AllergyIntolerance?patient=p1&code:text=Penicillin"),
        ("medirecords:allergy-needs-patient", "AllergyIntolerance?_count=20"),
        ("medirecords:observation-needs-patient", "Observation?patient=p1&date=2022-06-07"),
        ("oracle-health:allergy-needs-patient", "AllergyIntolerance?_id=a1&_revinclude=Provenance:target"),
        ("oracle-health:care-plan-needs-category", "CarePlan?_id=c1"),
        ("oracle-health:last-updated-twice-at-most", "Condition?_lastUpdated=ge2024&_lastUpdated=lt2025"),
        ("oracle-health:encounter-and-all-problems", "Condition?patient=p1&encounter=e1,e2"),
    ],
)  # fmt: skip
def test_shipped_issue_leaves_a_search_that_the_source_permits(id_: str, url: str) -> None:
    [issue] = [each for each in ISSUES if each.issue.id == id_]
    assert sent_url(run(issue, f"GET {url}")) == url


@pytest.mark.parametrize(("version", "holds"), [("26.600.1", True), ("26.701", False), ("", False)])
def test_example_says_which_version_the_upstream_has(tmp_path: Path, version: str, holds: bool) -> None:
    rename = '{ rename = "phone", to = "mobile", reason = "The vendor calls it so." }'
    when = 'type = "Patient", engine-version = "< 26.700"'
    example = f'request = "GET Patient?phone=1"\nengine-version = "{version}"\n'
    expect = 'expect = { request = "GET Patient?mobile=1" }'
    assert (replay(tmp_path, with_example(rename, example + expect, when))[0].problems == ()) is holds
    refused = 'expect = { request = "none", status = 400, contains = ["GET metadata"] }'
    if not version:
        assert replay(tmp_path, with_example(rename, example + refused, when))[0].problems == ()


def test_verb_that_no_example_needs_is_refused(tmp_path: Path) -> None:
    example = TWO_IDS + "expect = { status = 400 }"
    results = replay(
        tmp_path, with_example('{ limit-ids = 1 }, { limit-ids = 1, parameter = "name" }', example)
    )
    assert [result.lines for result in results] == [
        ("vendor:one: example 1: ok",),
        ("vendor:one: verb 2: no example shows that it is needed",),
    ]


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (TWO_IDS + "expect = { status = 200 }", "expected the status 200, not 400"),
        (TWO_IDS + 'expect = { request = "GET Patient?_id=a" }', "Patient?_id=a, not"),
        ('request = "GET Patient?_id=a"\nexpect = { request = "none" }', "none, not GET Patient?_id=a"),
        (TWO_IDS + 'expect = { contains = "xyz" }', "expected xyz in the body"),
        (TWO_IDS + 'expect = { lacks = "issue" }', "did not expect issue in the body"),
        (TWO_IDS + 'expect = { body = "{}" }', "expected another body than"),
        (TWO_IDS + 'expect = { headers = { ETag = "1" } }', "ETag: 1 on the answer"),
        (TWO_IDS + 'expect = { request-headers = { Prefer = "x" } }', "Prefer: x on the ups"),
        ('request = "GET nonsense/1"\nexpect = { status = 400 }', "write a method and a URL below"),
    ],
)  # fmt: skip
def test_difference_is_shown(example: str, problem: str, tmp_path: Path) -> None:
    [result] = replay(tmp_path, with_example("{ limit-ids = 1 }", example))
    assert any(problem in line for line in result.lines)


def test_body_is_compared_as_json(tmp_path: Path) -> None:
    do = '{ set-code = "Observation.status", value = "unknown" }'
    example = (
        'request = "GET Observation/o1"\n'
        'answer.body = \'{"resourceType": "Observation", "id": "o1"}\'\n'
        'expect.body = \'{"status": "unknown", "id": "o1", "resourceType": "Observation"}\''
    )
    assert [result.problems for result in replay(tmp_path, with_example(do, example))] == [()]


def test_answer_that_is_no_json_is_no_success(tmp_path: Path) -> None:
    example = 'request = "GET Patient?_id=a"\nanswer.body = "{"\nexpect = { status = 200 }'
    [result] = replay(tmp_path, with_example("{ limit-ids = 1 }", example))
    assert result.problems == ("expected the status 200, not 502",)


def test_configuration_of_the_page_is_valid(tmp_path: Path) -> None:
    """A relative path of a pack is below the folder of the configuration file."""
    pack = write_pack(tmp_path, PACK, "my-vendor")
    (tmp_path / "gateway.toml").write_text(CONFIGURATION)
    settings = load(tmp_path / "gateway.toml")
    assert settings.upstreams["records"].packs == ("medirecords", pack)
    assert settings.repairs == {"my-vendor:gender-is-refused": False}
