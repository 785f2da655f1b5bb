"""Search parameters that an upstream's warnings say it ignored (search.html 3.1.1.3.1)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from gateway.fhir.bundle import Bundle
from gateway.fhir.includes import search_mode
from gateway.fhir.search_params import SearchParams

#: Parameters that are never worth a word.
_SILENT: Final = frozenset({"_count", "_format", "_pretty", "_page"})
_SAYS_IGNORED: Final = re.compile(
    r"ignor|unsupported|not (?:been )?(?:supported|used|applied|known|recogni[sz]ed)|unknown|unrecogni[sz]ed",
    re.IGNORECASE,
)
_TEXT_FIELDS: Final = ("diagnostics", "details")
_MAX_ISSUES: Final = 50


def warned_parameters(sent_search: SearchParams, bundle: Bundle) -> frozenset[str]:
    """Names of the sent parameters that a warning among the entries names as ignored."""
    issues = list(_ignoring_issues(bundle))
    if not issues:
        return frozenset()
    return frozenset(
        name
        for name in sent_search.values_by_name
        if name not in _SILENT and any(_names_parameter(issue, name) for issue in issues)
    )


def _ignoring_issues(bundle: Bundle) -> Iterator[tuple[str, list[str]]]:
    """Yield the text and the places of each issue that says that something was ignored."""
    for entry in bundle.entries:
        if search_mode(entry) != "outcome" or entry.resource is None:
            continue
        for issue in list(_issues(entry.resource))[:_MAX_ISSUES]:
            text = " ".join(_texts(issue))
            if issue.get("code") == "not-supported" or _SAYS_IGNORED.search(text):
                yield text, [str(place) for place in _places(issue)]


def _issues(resource: msgspec.Raw) -> Iterable[dict[str, Any]]:
    issues = msgspec.json.decode(resource, type=dict[str, Any]).get("issue")
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def _texts(issue: dict[str, Any]) -> Iterator[str]:
    for field in _TEXT_FIELDS:
        value = issue.get(field)
        text = value.get("text") if isinstance(value, dict) else value
        if isinstance(text, str):
            yield text


def _places(issue: dict[str, Any]) -> Iterator[Any]:
    for field in ("expression", "location"):
        value = issue.get(field)
        yield from value if isinstance(value, list) else ()


def _names_parameter(issue: tuple[str, list[str]], name: str) -> bool:
    """Whether an issue names a parameter: in quotes, after the word for it or a colon, or as its place."""
    text, places = issue
    code = re.escape(re.split("[.:]", name, maxsplit=1)[0])
    pattern = (
        rf"[\"'`]{code}(?:[:.][^\"'`]*)?[\"'`]"
        rf"|(?:argument|parameter|criterion|modifier)s?\W{{1,3}}{code}(?![\w-])"
        rf"|:\s*(?:[\w.:-]{{1,80}},\s*){{0,20}}{code}(?![\w-])"
    )
    return f"http.{name}" in places or re.search(pattern, text) is not None
