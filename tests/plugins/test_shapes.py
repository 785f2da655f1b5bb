"""Shapes of repairs and dialects: whatever would fail on the first request is one line at start."""

import re
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import catalog
from gateway.plugins.shapes import shape_problems
from gateway.repairs.repair import KnownIssue, Repair
from gateway.upstreams import DIALECTS
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule

ISSUE = KnownIssue("slot", "A title", "https://acme.example/issues/1")
REPAIR = Repair(ISSUE, entry=lambda _, entry: entry)
RULE = ErrorRule("teapot", catalog.BAD_REQUEST, status={418})
DIALECT = Dialect("fhir", (RULE,), credentials=CredentialScheme(("x-key",), "Key"), product="Acme")


def problem_of(value: Any) -> str:
    problems = list(shape_problems(value))
    assert len(problems) == 1, problems
    assert "\n" not in problems[0]
    return problems[0]


async def wait(_: Any, entry: Any) -> Any:
    return entry


def test_correct_shapes_have_no_problem() -> None:
    assert not list(shape_problems(REPAIR))
    assert not list(shape_problems(DIALECT))
    assert not list(shape_problems(Dialect("fhir", ())))
    assert not list(shape_problems(replace(REPAIR, entry=min)))


def test_mountable_dialects_of_the_gateway_have_no_problem() -> None:
    mountable = [dialect for dialect in DIALECTS.values() if dialect.is_mountable]
    assert len(mountable) > 2
    assert not [problem for dialect in mountable for problem in shape_problems(dialect)]


@pytest.mark.parametrize(
    ("repair", "problem"),
    [
        (Repair("x"), "the issue of a Repair is str"),  # type: ignore[arg-type]
        (Repair(replace(ISSUE, id=5)), "the issue of a Repair is KnownIssue"),  # type: ignore[arg-type]
        (Repair(ISSUE), "has no facet"),
        *(
            (replace(REPAIR, issue=replace(ISSUE, source=source)), "source must be an http or https URL")
            for source in ("", "test", "ftp://a.example/", "https://", "https://a.example/\nb", "http://[", 5)
        ),
        (replace(REPAIR, issue=replace(ISSUE, title="a\nb")), "title must be a text of one line"),
        (replace(REPAIR, issue=replace(ISSUE, vendor_status="\x1b[31m")), "vendor_status must be"),
        (replace(REPAIR, issue=replace(ISSUE, handling=None)), "handling must be"),  # type: ignore[arg-type]
        *(
            (replace(REPAIR, **{name: "text"}), f"{name} must be a function")  # type: ignore[arg-type]
            for name in ("request", "links", "entry", "fields", "headers", "keeps", "witness")
        ),
        (replace(REPAIR, entry=wait), "entry must be a function of 2 argument(s) that is not async"),
        (replace(REPAIR, entry=lambda entry: entry), "entry must be a function of 2"),  # type: ignore[arg-type]
        (replace(REPAIR, request=lambda *, a: a), "request must be a function of 1"),  # type: ignore[arg-type]
        (replace(REPAIR, after="link-base-url"), 'tuple of texts, such as ("link-base-url",)'),
        (replace(REPAIR, dialects="halo-connect"), "dialects must be a tuple of texts"),
        (replace(REPAIR, dialects=(5,)), "dialects must be a tuple of texts"),
    ],
)  # fmt: skip
def test_wrong_repair_is_named(repair: Repair, problem: str) -> None:
    assert problem in problem_of(repair)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": None}, "the name of a Dialect is NoneType"),
        ({"credentials": CredentialScheme("authorization")}, "credentials must be"),
        ({"credentials": CredentialScheme(())}, "credentials must be"),
        ({"credentials": CredentialScheme(("X Key",))}, "credentials must be"),
        ({"credentials": CredentialScheme(challenge="a\r\nb: c")}, "credentials must be"),
        ({"credentials": None}, "credentials must be"),
        ({"product": "a\nb"}, "product must be"),
        ({"id_headers": "x-id"}, "id_headers must be"),
        ({"vocabulary": "word"}, "vocabulary must be"),
        ({"max_page_size": 0}, "max_page_size must be"),
        ({"limits": None}, "limits must be"),
        ({"success_errors": "all"}, "success_errors"),
        ({"idempotency_header": "a b"}, "idempotency_header must be"),
        ({"error_of_clients_sql": lambda error: error}, "error_of_clients_sql is for"),
    ],
)
def test_wrong_dialect_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in problem_of(replace(DIALECT, **changes))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": replace(catalog.BAD_REQUEST, status=200)}, "bad-request must have a registered status"),
        ({"kind": "invalid"}, "str is no FailureKind"),
        ({"own_credentials_kind": replace(catalog.BAD_REQUEST, status=204)}, "registered status"),
        ({"status": 418}, "status must be a set of numbers"),
        ({"status": {"418"}}, "status must be a set of numbers"),
        ({"codes": "abc"}, "codes must be a set of texts"),
        ({"message_pattern": "("}, "message_pattern must be a regular expression"),
        ({"message_pattern": None}, "message_pattern must be a regular expression"),
    ],
)
def test_wrong_rule_is_named(changes: dict[str, Any], problem: str) -> None:
    found = problem_of(replace(DIALECT, rules=(replace(RULE, **changes),)))
    assert re.match("dialect 'fhir': rule 'teapot': ", found)
    assert problem in found


@pytest.mark.parametrize("rules", [[], [RULE], ("teapot",), None])
def test_rules_are_a_tuple(rules: Any) -> None:
    dialect = Dialect("fhir", ())
    object.__setattr__(dialect, "rules", rules)
    assert "rules must be a tuple of ErrorRule" in problem_of(dialect)
