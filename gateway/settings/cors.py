"""Settings of CORS: which web pages of other origins reach the FHIR API (Fetch standard, section 3.2)."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from gateway.http.origins import parse_origin
from gateway.settings.base import Section

#: The origin that stands for all.
ANY_ORIGIN: Final = "*"
_EXAMPLE = "https://app.example.com.au"
_NULL_TEXT = (
    "null is the origin of local files and sandboxed frames, whoever made them: serve the page from an"
    f" address, and list that, such as {_EXAMPLE}"
)
_PATTERN_TEXT = f'has no patterns: list each origin, such as {_EXAMPLE}, or write ["*"] alone for all pages'
_ORIGIN_TEXT = (
    f"must be scheme, host and, if it has one, port, such as {_EXAMPLE} or http://localhost:3000, without a"
    " path or a slash at the end; write a host of other letters in its ASCII form, xn--…"
)


def _check_origin(text: str) -> str:
    """Return an origin as browsers write it, or `*`. Raises ValueError."""
    if text == ANY_ORIGIN:
        return text
    origin = parse_origin(text)
    if origin is None:
        is_null = text.strip().lower() == "null"
        raise ValueError(_NULL_TEXT if is_null else _PATTERN_TEXT if ANY_ORIGIN in text else _ORIGIN_TEXT)
    return origin


def _check_any_origin(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return the origins, each once. Raises ValueError if `*` is not the only one."""
    if ANY_ORIGIN in origins and set(origins) != {ANY_ORIGIN}:
        raise ValueError('"*" already stands for all origins: write ["*"] alone, or leave it out')
    return tuple(dict.fromkeys(origins))


Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...], AfterValidator(_check_any_origin)
]


class Cors(Section):
    """Web pages of other origins, such as SMART apps."""

    origins: Annotated[Origins, Field(max_length=1_000)] = Field(
        (),
        description=f'Origins whose pages may use the FHIR API, such as `["{_EXAMPLE}"]`, or `["*"]` for all'
        " pages. Without one, no page of another origin reads an answer.",
    )
    subscription_key: bool = Field(
        False,
        description="Whether such pages may send Ocp-Apim-Subscription-Key. Whoever opens a page can read"
        " the key that it sends.",
    )
    max_age: int = Field(
        7_200,
        ge=0,
        le=7_200,
        description="Time for which a browser need not ask again whether it may send a request to the same"
        " URL, in seconds. An origin that is no longer listed may send until then, but reads nothing.",
    )
