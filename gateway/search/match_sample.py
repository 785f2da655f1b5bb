"""Sample of the matches of a page, which shows whether the upstream ignored a criterion."""

from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import search_mode

#: Matches of a page to check; if the upstream ignores a criterion, most matches contradict it.
MAX_CHECKED_MATCHES = 100


def sample_matches(bundle: Bundle) -> tuple[Entry, ...]:
    """Return matches of the whole page, from its end: in a sorted page the first ones may all be right."""
    matches = tuple(entry for entry in bundle.entries if search_mode(entry) == "match")
    return matches[:: -(len(matches) // MAX_CHECKED_MATCHES + 1)]
