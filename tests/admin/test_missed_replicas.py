"""Replicas that a change has not reached, in words."""

from typing import Any

import pytest
import yaml
from conftest import ROOT

from gateway.admin.missed_replicas import advice_after, missed_replicas

DOCUMENT: Any = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))
REACH = DOCUMENT["components"]["schemas"]["Reach"]["properties"]
REASONS: list[str] = REACH["notReached"]["items"]["properties"]["reason"]["enum"]


def missed(*reasons: str, **further: str) -> dict[str, Any]:
    return {"notReached": [{"replica": "b", "reason": reason} for reason in reasons], **further}


@pytest.mark.parametrize("reason", REASONS)
def test_each_documented_reason_is_words(reason: str) -> None:
    (text,) = missed_replicas(missed(reason))
    assert text.startswith(("b: it ", "b: the gateway "))
    assert reason not in text


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("other-keys", "Purge the whole practice, without a patient."),
        ("silent", "Repeat the change once they reach the shared store, or restart them."),
        ("from-a-later-version", "Repeat the change once they reach the shared store, or restart them."),
    ],
)
def test_advice_is_that_of_the_reason(reason: str, advice: str) -> None:
    assert advice_after(missed(reason)) == advice


def test_each_advice_is_said_once_after_the_limit() -> None:
    text = advice_after(missed("silent", "no-answer", "silent", oldResponsesUntil="2026-04-01T01:00:00Z"))
    assert text == (
        "They may serve old responses until 2026-04-01T01:00:00Z. Repeat the change once they reach the"
        " shared store, or restart them. Repeat the change in a few seconds."
    )


def test_reason_of_a_later_version_is_shown_as_it_is() -> None:
    assert missed_replicas(missed("from-a-later-version")) == ["b: from-a-later-version"]
    assert missed_replicas({}) == []
