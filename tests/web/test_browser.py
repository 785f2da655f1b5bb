"""Preference for HTML in an Accept field."""

import pytest
from support.asgi import asgi_request

from gateway.web.browser import prefers_html, request_prefers_html

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LYNX = "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"


@pytest.mark.parametrize(
    "accept",
    [
        CHROMIUM,
        FIREFOX,
        LYNX,
        "text/html",
        "TEXT/HTML",
        "text/html;charset=utf-8",
        "text/*",
        "text/html, application/fhir+json",
        "text/html;q=0.5, application/json;q=0.4",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "application/fhir+json;q=0, text/html;q=0.001",
        "text/html;q=0.5, application/*;q=0.9, application/fhir+json;q=0.1",
    ],
)
def test_accept_with_html_prefers_html(accept: str) -> None:
    assert prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "*/*;q=0.1",
        "application/fhir+json",
        "application/json, */*",
        "application/xhtml+xml",
        "text/html;q=0",
        "text/html; Q=0.0, */*",
        "text/html;q=0, text/*",
        "text/html;q=0.5, application/fhir+json",
        "text/html;q=0.5, application/json;q=0.8",
        "text/html;q=0.5, application/json+fhir;q=0.8",
        "text/html;q=0.5, application/*;q=0.8",
        "text/html;q=0.5, */*;q=0.8",
        "text/html;q=high",
        "text/html;q=nan",
        "text/html;q=7",
        "text/html;q=-1",
        "text/html;q=",
        ",;,=;q",
    ],
)
def test_other_accept_does_not_prefer_html(accept: str) -> None:
    assert not prefers_html(accept)


def test_several_accept_fields_are_joined() -> None:
    request = asgi_request(headers={"accept": "text/html;q=0.5"})
    request.scope["headers"].append((b"accept", b"application/fhir+json"))
    assert not request_prefers_html(request)
    assert request_prefers_html(asgi_request(headers={"accept": CHROMIUM}))
    assert not request_prefers_html(asgi_request())
