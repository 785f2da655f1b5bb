"""Settings of CORS: which web pages of other origins reach the FHIR API (Fetch standard, section 3.2)."""

from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails

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
_NOT_ALONE_TEXT = '"*" already stands for all origins: write ["*"] alone, or leave it out'


def _check_origin(text: str) -> str:
    """Return an origin as browsers write it, or `*`. Raises ValueError."""
    if text == ANY_ORIGIN:
        return text
    origin = parse_origin(text)
    if origin is None:
        is_null = text.strip().lower() == "null"
        raise ValueError(_NULL_TEXT if is_null else _PATTERN_TEXT if ANY_ORIGIN in text else _ORIGIN_TEXT)
    return origin


def _check_origins(origins: Any, check_each: ValidatorFunctionWrapHandler) -> tuple[str, ...]:
    """Return the origins, each once. Raises ValidationError; `*` beside others is an error next to theirs."""
    problems: list[InitErrorDetails] = []
    if isinstance(origins, list | tuple) and 0 < origins.count(ANY_ORIGIN) < len(origins):
        error = {"error": ValueError(_NOT_ALONE_TEXT)}
        problems = [InitErrorDetails(type="value_error", ctx=error, input=origins)]
    try:
        checked: tuple[str, ...] = check_each(origins)
    except ValidationError as invalid:
        problems += cast(list[InitErrorDetails], invalid.errors())
    if problems:
        raise ValidationError.from_exception_data("origins", problems)
    return tuple(dict.fromkeys(checked))


Origins = Annotated[tuple[Annotated[str, AfterValidator(_check_origin)], ...], WrapValidator(_check_origins)]


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
