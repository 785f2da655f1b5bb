"""Which representation the client asked for (R4 http.html#mime-type): one spelling of JSON, or none."""

from gateway.errors import catalog
from gateway.errors.failure import Failure

FHIR_JSON = "application/fhir+json"
_PLAIN_JSON = "application/json"

#: Spelling -> the media type answered. FHIR lets application/json and text/json be answered in kind.
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
#: What a body may be, by kind of request.
RESOURCE_MEDIA_TYPES = frozenset(
    {FHIR_JSON, "application/json+fhir", _PLAIN_JSON, "text/json", "application/json-patch+json"}
)
FORM_MEDIA_TYPES = frozenset({"application/x-www-form-urlencoded"})


def media_type(field: str) -> str:
    """The bare media type of a Content-Type or of one Accept range; a space where `+` was lost is mended."""
    return field.partition(";")[0].strip().lower().replace(" ", "+")


def response_media_type(formats: tuple[str, ...], accept: str) -> str:
    """The media type to answer in; `_format` beats Accept. Raises Failure 406 when neither allows JSON."""
    wanted = formats[-1:] or (_ranges_by_quality(accept) if accept.strip() else [""])
    found = next(
        (_MEDIA_TYPES[media_type(each)] for each in wanted if media_type(each) in _MEDIA_TYPES), None
    )
    if found is None:
        raise Failure(catalog.NOT_ACCEPTABLE, expression="http._format" if formats else "http.Accept")
    return found


def _ranges_by_quality(accept: str) -> list[str]:
    ranges = [each for each in accept.split(",") if each.strip()]
    rated = [(_range_quality(each), each) for each in ranges]
    return [each for quality, each in sorted(rated, key=lambda pair: -pair[0]) if quality > 0]


def _range_quality(text: str) -> float:
    for part in text.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
