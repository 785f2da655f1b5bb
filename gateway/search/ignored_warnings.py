"""Search parameters that an upstream's warnings say it ignored (search.html 3.1.1.3.1)."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import SearchParams

#: Parameters that are never worth a word.
_SILENT: Final = frozenset({"_count", "_format", "_pretty", "_page"})
_SAYS_IGNORED: Final = re.compile(
    r"ignor|unsupported|not (?:been )?(?:supported|used|applied|known|recogni[sz]ed)|unknown|unrecogni[sz]ed",
    re.IGNORECASE,
)
#: Where a text names a parameter: in quotes, after the word for it, or in a list after a colon.
_NAME_PLACES: Final = (
    re.compile(r"[\"'`]([\w.:\-]{1,100})[\"'`]"),
    re.compile(r"(?:argument|parameter|criterion|modifier)s?\W{1,3}([\w.:\-]{1,100})", re.IGNORECASE),
    re.compile(r":\s+([\w.:\-]++(?:,\s*+[\w.:\-]++)*+)"),
)
#: Issues, and characters of their texts, that are read.
_MAX_ISSUES: Final = 50
_MAX_TEXT: Final = 2_000


def warned_parameters(sent_search: SearchParams, bundle: Bundle) -> frozenset[str]:
    """Names of the sent parameters that a warning among the entries names as ignored."""
    codes = {code for issue in islice(_issues(bundle), _MAX_ISSUES) for code in _ignored_codes(issue)}
    return frozenset(
        name for name in sent_search.values_by_name if name not in _SILENT and _code(name) in codes
    )


def _issues(bundle: Bundle) -> Iterator[dict[str, Any]]:
    for entry in bundle.outcome_entries:
        if entry.resource is not None:
            issues = msgspec.json.decode(entry.resource, type=dict[str, Any]).get("issue")
            yield from (issue for issue in _list(issues) if isinstance(issue, dict))


def _ignored_codes(issue: dict[str, Any]) -> Iterator[str]:
    """Yield the codes of the parameters that an issue names as ignored."""
    text = " ".join(_texts(issue))
    if issue.get("code") != "not-supported" and not _SAYS_IGNORED.search(text):
        return
    for pattern in _NAME_PLACES:
        for names in pattern.findall(text):
            yield from (_code(name.strip()) for name in names.split(","))
    for place in (*_list(issue.get("expression")), *_list(issue.get("location"))):
        if isinstance(place, str) and place.startswith("http."):
            yield _code(place.removeprefix("http."))


def _texts(issue: dict[str, Any]) -> Iterator[str]:
    details = issue.get("details")
    for text in (issue.get("diagnostics"), details.get("text") if isinstance(details, dict) else None):
        if isinstance(text, str):
            yield text[:_MAX_TEXT]


def _code(name: str) -> str:
    return re.split("[.:]", name, maxsplit=1)[0]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
