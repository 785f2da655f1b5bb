"""Generated error documentation and CodeSystem."""

from pathlib import Path

import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from support.dialects import ISSUE_TYPES

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.web.error_codes import _SHARED_DEFINITIONS, all_kinds, code_system, errors_page

_PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
_KINDS = all_kinds()


def test_errors_page_is_current() -> None:
    assert _PAGE.read_text(encoding="utf-8") == errors_page()


def test_code_system_is_valid_and_complete() -> None:
    resource = code_system()
    CodeSystem.model_validate(resource)
    codes = [concept["code"] for concept in resource["concept"]]
    assert resource["url"] == ERROR_CODE_SYSTEM
    assert sorted({kind.code for kind in _KINDS}) == codes
    assert resource["count"] == len(codes)


def test_codes_of_several_texts_have_a_shared_definition() -> None:
    texts: dict[str, set[str]] = {}
    for kind in _KINDS:
        texts.setdefault(kind.code, set()).add(kind.text)
    assert {code for code, variants in texts.items() if len(variants) > 1} == set(_SHARED_DEFINITIONS)


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: f"{kind.code}-{kind.status}")
def test_failure_kind_is_valid(kind: FailureKind) -> None:
    assert kind.issue in ISSUE_TYPES
    assert kind.severity in {"error", "fatal"}
    assert 400 <= kind.status <= 599
    assert kind.text.endswith(".")
    assert "|" not in kind.text
    assert kind.retry_after is None or kind.retry_after >= 1
    assert (kind.status == 429) <= (kind.retry_after is not None)
    assert (kind.retry_after is not None) <= (
        kind.retry_advice in {RetryAdvice.YES, RetryAdvice.ONCE, RetryAdvice.AFTER_FIX}
    )
