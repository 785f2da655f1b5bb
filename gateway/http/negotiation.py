"""Content negotiation (R4 http.html#mime-type): a spelling of JSON, or Failure 406."""

from gateway.errors import catalog
from gateway.errors.failure import Failure

FHIR_JSON = "application/fhir+json"
_PLAIN_JSON = "application/json"

#: Requested spelling -> media type of the response. FHIR permits application/json and text/json, too.
_MEDIA_TYPES = {
    "json": FHIR_JSON,
    FHIR_JSON: FHIR_JSON,
    "application/json+fhir": FHIR_JSON,
    _PLAIN_JSON: _PLAIN_JSON,
    "text/json": "text/json",
    "application/*": FHIR_JSON,
    "*/*": FHIR_JSON,
    "": FHIR_JSON,
}
#: Media types of a request body, by kind of request.
RESOURCE_MEDIA_TYPES = frozenset(
    {FHIR_JSON, "application/json+fhir", _PLAIN_JSON, "text/json", "application/json-patch+json"}
)
FORM_MEDIA_TYPES = frozenset({"application/x-www-form-urlencoded"})


def media_type(field: str) -> str:
    """Media type of a Content-Type or Accept range without parameters; a space becomes the lost `+`."""
    return field.partition(";")[0].strip().lower().replace(" ", "+")


def response_media_type(formats: tuple[str, ...], accept: str) -> str:
    """Media type of the response; `_format` overrides Accept. Raises Failure 406 if neither allows JSON."""
    ranges = formats[-1:] or (_ranges_by_quality(accept) if accept.strip() else [""])
    for name in map(media_type, ranges):
        if name in _MEDIA_TYPES:
            return _MEDIA_TYPES[name]
    raise Failure(catalog.NOT_ACCEPTABLE, expression="http._format" if formats else "http.Accept")


def _ranges_by_quality(accept: str) -> list[str]:
    ranges = [(_range_quality(text), text) for text in accept.split(",") if text.strip()]
    return [text for quality, text in sorted(ranges, key=lambda pair: -pair[0]) if quality > 0]


def _range_quality(text: str) -> float:
    for part in text.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
