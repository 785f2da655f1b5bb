"""Content negotiation between an HTML page for a person and an OperationOutcome for a FHIR client."""

from collections.abc import Iterator, Mapping, Sequence

from starlette.requests import Request

from gateway.http.negotiation import FHIR_JSON, media_type

#: Media ranges from the most to the least specific (RFC 9110 section 12.5.1); `*/*` does not select HTML.
_HTML_RANGES = (("text/html",), ("text/*",))
_JSON_RANGES = (
    (FHIR_JSON, "application/json+fhir", "application/json", "text/json"),
    ("application/*",),
    ("*/*",),
)


def request_prefers_html(request: Request) -> bool:
    """Whether the request prefers an HTML page."""
    return prefers_html(", ".join(request.headers.getlist("accept")))


def prefers_html(accept: str) -> bool:
    """Whether an Accept field names HTML and rates it no lower than JSON; `*/*` alone does not name it."""
    qualities = dict(_range_qualities(accept))
    html = _best_quality(_HTML_RANGES, qualities)
    return html > 0 and html >= _best_quality(_JSON_RANGES, qualities)


def _best_quality(ranges: Sequence[tuple[str, ...]], qualities: Mapping[str, float]) -> float:
    """Return the best quality in the most specific group that the field contains; 0 if there is none."""
    groups = ([qualities[name] for name in group if name in qualities] for group in ranges)
    return max(next(filter(None, groups), [0.0]))


def _range_qualities(accept: str) -> Iterator[tuple[str, float]]:
    for text in accept.split(","):
        parameters = (part.strip().lower().partition("=") for part in text.split(";")[1:])
        yield (
            media_type(text),
            next((_parse_quality(value) for name, _, value in parameters if name == "q"), 1.0),
        )


def _parse_quality(text: str) -> float:
    """Return a quality from 0 to 1; 0 for any other text."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
