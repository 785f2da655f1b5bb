"""OperationOutcome of an upstream -> UpstreamError.

Halo's (Firely SDK) text is in `details.text`, Health Gorilla's in `diagnostics`. Firely's code 5003 is its
catch-all (severity fatal, type exception) and tells nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.upstreams.upstream_error import UpstreamError
from gateway.upstreams.words import token, words

_GRAVITY = ("fatal", "error", "warning", "information")
_MOST = 5
_SYSTEM = re.compile(r"(?:https?://|urn:)[A-Za-z0-9./_:#\-]{1,150}")
_CODE = re.compile(r"-?\d{1,6}|MSG_[A-Z_]{1,60}|[a-z]+(?:-[a-z]+){0,6}")
_PATH = re.compile(r"(?:http|(?P<type>[A-Z][A-Za-z]{1,63}))(?:(?:\.[a-z_][A-Za-z]{0,63})|\[\d{1,4}\])*")


def operation_outcome(found: Mapping[str, Any]) -> UpstreamError:
    """What an OperationOutcome says; its gravest issue comes first."""
    issues = sorted(_objects(found.get("issue")), key=_gravity)[:_MOST]
    texts = dict.fromkeys(filter(None, (said(each) for each in issues)))
    codings = dict.fromkeys(pair for each in issues for pair in _codings(each))
    return UpstreamError(
        "outcome",
        message=words("; ".join(texts)),
        issue=token(issues[0].get("code")) if issues else "",
        expression=next(filter(None, (_expression(each) for each in issues)), ""),
        codings=tuple(codings)[:_MOST],
    )


def fails(found: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome reports a failure; one without a readable issue does."""
    issues = _objects(found.get("issue"))
    return not issues or any(_gravity(each) <= _GRAVITY.index("error") for each in issues)


def _gravity(issue: Mapping[str, Any]) -> int:
    severity = issue.get("severity")
    return _GRAVITY.index(severity) if severity in _GRAVITY else 1


def said(issue: Mapping[str, Any]) -> str:
    """The words of one issue, wherever the upstream puts them."""
    details = issue.get("details")
    text = words(details.get("text")) if isinstance(details, dict) else ""
    diagnostics = words(issue.get("diagnostics"))
    return f"{text}: {diagnostics}" if text and diagnostics else text or diagnostics


def _codings(issue: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = issue.get("details")
    codings = _objects(details.get("coding")) if isinstance(details, dict) else ()
    pairs = [(words(each.get("system")), token(each.get("code"))) for each in codings]
    return [(system, code) for system, code in pairs if _CODE.fullmatch(code) and _SYSTEM.fullmatch(system)]


def _expression(issue: Mapping[str, Any]) -> str:
    paths = issue.get("expression") or issue.get("location") or ()
    first = words(paths[0]) if isinstance(paths, list) and paths else ""
    path = _PATH.fullmatch(first)
    return first if path and path["type"] in {None, *RESOURCE_TYPES} else ""


def _objects(found: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()
