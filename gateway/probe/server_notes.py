"""Notes of a probe about the form of responses: links, pages, sizes, versions, conditional writes."""

from collections.abc import Callable, Iterator
from typing import Final

from gateway.probe.evidence import Evidence, link_parameters
from gateway.probe.issue_questions import INCLUDE, LARGE_COUNT

_NoteWriter = Callable[[Evidence], Iterator[str]]

#: Start of a link's URL -> its form; the first match counts.
_LINK_FORMS: Final = (
    ("http://", "absolute, with http"),
    ("https://", "absolute, with https"),
    ("/", "relative to the host"),
    ("?", "queries only"),
    ("", "relative to the base"),
)
#: Parameter of a page link -> what it holds.
_PAGE_PARAMETERS: Final = {
    "_offset": "an offset",
    "offset": "an offset",
    "_getpagesoffset": "an offset",
    "_page": "a page number",
    "page": "a page number",
}
#: Elements of `rest.resource` that promise conditional writes (R4 capabilitystatement.html).
_CONDITIONAL: Final = ("conditionalCreate", "conditionalUpdate", "conditionalDelete", "conditionalRead")


def server_notes(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes, which contain no value of a link."""
    return tuple(text for write_note in _NOTE_WRITERS for text in write_note(evidence))


def _link_form_note(evidence: Evidence) -> Iterator[str]:
    urls = [url for response in evidence.responses.values() for _, url in response.links if url]
    forms = sorted({next(form for start, form in _LINK_FORMS if url.startswith(start)) for url in urls})
    if forms:
        yield f"links are {', '.join(forms)}"


def _paging_note(evidence: Evidence) -> Iterator[str]:
    """Yield what a `next` link has beyond the parameters that were sent."""
    for response in evidence.responses.values():
        sent = {name for name, _ in response.request.pairs}
        for relation, url in response.links:
            added = [name for name, _ in link_parameters(url) if name not in sent]
            if relation == "next" and added:
                yield f"the next page is found by {_PAGE_PARAMETERS.get(added[0].lower(), 'a token')}"
                return


def _include_note(evidence: Evidence) -> Iterator[str]:
    response = evidence.responses.get("include")
    if response is None:
        return
    if response.is_refused:
        yield f"_include, or _count={LARGE_COUNT}: refused"
        return
    shown = response.self_link_parameters or ()
    if shown:
        yield f"link[self] {'repeats' if INCLUDE in shown else 'LOSES'} _include"
    counts = [value for name, value in shown if name == "_count" and value.isascii() and value.isdigit()]
    if counts:
        is_largest = counts[-1] != LARGE_COUNT
        yield (
            f"_count: at most {int(counts[-1][:9])}" if is_largest else "_count: link[self] shows no maximum"
        )


def _etag_note(evidence: Evidence) -> Iterator[str]:
    read = evidence.responses.get("read")
    searches = [response for name, response in evidence.responses.items() if name.endswith(".sample")]
    if read is not None and not read.is_refused:
        has_version = "versionId" in (read.resources[0].get("meta") or {}) if read.resources else False
        tags = f"reads {_has(read.has_etag)}, searches {_has(any(each.has_etag for each in searches))}"
        yield f"ETag: {tags}; meta.versionId: {'present' if has_version else 'absent'}"


def _conditional_note(evidence: Evidence) -> Iterator[str]:
    if not evidence.capability_statement:
        return
    promised = [
        name
        for name in _CONDITIONAL
        if any(
            resource.get(name) not in (None, False, "not-supported")
            for resource in evidence.declared_resources
        )
    ]
    yield f"the CapabilityStatement promises {', '.join(promised) or 'no conditional requests'}"


def _size_note(_: Evidence) -> Iterator[str]:
    yield "size limit: not asked, because a response of that size counts; the gateway learns it from a 413"


def _has(is_present: bool) -> str:
    return "have one" if is_present else "have none"


_NOTE_WRITERS: Final[tuple[_NoteWriter, ...]] = (
    _link_form_note,
    _paging_note,
    _include_note,
    _etag_note,
    _conditional_note,
    _size_note,
)
