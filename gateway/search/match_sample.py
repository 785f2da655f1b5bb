"""Sample of the matches of a page, which shows whether the upstream ignored a criterion."""

from itertools import compress

from gateway.fhir.bundle import Bundle, Entry

#: Matches of a page to check; if the upstream ignores a criterion, most matches contradict it.
MAX_CHECKED_MATCHES = 100


def sample_matches(bundle: Bundle) -> tuple[Entry, ...]:
    """Return matches of the whole page, from its end: in a sorted page the first ones may all be right."""
    matches = tuple(compress(bundle.entries, bundle.match_flags))
    return matches[:: -(len(matches) // MAX_CHECKED_MATCHES + 1)]
