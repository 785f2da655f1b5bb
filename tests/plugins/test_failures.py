"""Kinds of failure and failures of plugins: whatever is not an error of HTTP and R4 is named."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind, Issue
from gateway.exchange import FhirResponse
from gateway.plugins.failures import failure_problem, kind_problem

KIND = FailureKind("acme-refusal", 409, "conflict", "Acme refuses. Ask Acme.", retry_after=5)


def test_kinds_of_the_gateway_have_no_problem() -> None:
    kinds = [kind for kind in vars(catalog).values() if isinstance(kind, FailureKind)]
    assert len(kinds) > 50
    assert not [problem for kind in kinds if (problem := kind_problem(kind))]
    assert failure_problem(Failure(KIND, more_issues=(Issue("conflict", "a"),), codings=(("a", "b"),))) == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        *(({"status": status}, "status of 400 to 599") for status in (0, 200, 204, 399, 460, 999, "400")),
        *(({"code": code}, "the code of its FailureKind") for code in ("", "A", "a b", "x" * 65, None)),
        ({"issue": "wrong"}, "issue type of R4"),
        ({"severity": "warning"}, "severity"),
        ({"text": ""}, "must have a text"),
        ({"text": None}, "must have a text"),
        ({"retry_after": -1}, "retry_after"),
        ({"retry_after": "5\r\na: b"}, "retry_after"),
        ({"retry_advice": "maybe"}, "RetryAdvice"),
    ],
)  # fmt: skip
def test_kind_is_an_error_of_http_and_r4(changes: dict[str, Any], problem: str) -> None:
    assert problem in kind_problem(replace(KIND, **changes))


def test_other_value_is_no_kind() -> None:
    assert kind_problem("text") == "str is no FailureKind"


@pytest.mark.parametrize(
    ("details", "problem"),
    [
        ({"upstream_response": FhirResponse(200)}, "with an upstream_response"),
        ({"headers": (("content-length", "0"),)}, "malformed headers"),
        ({"headers": (("a", "b\r\nc: d"),)}, "malformed headers"),
        ({"diagnostics": 5}, "malformed text"),
        ({"issue": "wrong"}, "issue type"),
        ({"retry_after": 10**9}, "malformed retry_after"),
        ({"codings": (("a",),)}, "codings or issues"),
        ({"more_issues": (Issue("wrong", "a"),)}, "codings or issues"),
    ],
)
def test_failure_has_no_malformed_details(details: dict[str, Any], problem: str) -> None:
    assert problem in failure_problem(Failure(KIND, **details))
