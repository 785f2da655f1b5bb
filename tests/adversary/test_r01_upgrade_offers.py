"""An upgrade offer takes nothing from a request (answers.md R1): forms and bodies reach the upstream."""

import json
import socket

import httpx
import pytest
from conftest import Pair

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
FHIR = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
LAST = b"GET /livez HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n"
PATIENT = json.dumps({"resourceType": "Patient", "name": [{"family": "Offer"}]})


def send(pair: Pair, method: str, path: str, media_type: str, body: str, offer: str = "h2c") -> bytes:
    """Send head and body in two segments, then a last request; return all that comes back."""
    url = httpx.URL(pair.base())
    head = (
        f"{method} {url.path}/{path} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nOcp-Apim-Subscription-Key:"
        f" demo-key\r\n{OFFER.format(offer)}Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 0), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode())
        connection.sendall(body.encode())
        connection.sendall(LAST)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("offer", ["h2c", "websocket", "any/1"])
def test_search_form_with_an_offer_filters(pair: Pair, offer: str) -> None:
    response = send(pair, "POST", "Patient/_search", FORM, "family=Nosuchfamily", offer)
    assert b'"total":0' in response.replace(b" ", b"")
    assert [request["body"] for request in pair.sent()] == [[["family", "Nosuchfamily"]]]


@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", "Patient/1"), ("POST", "")])
def test_body_with_an_offer_goes_up_whole(pair: Pair, method: str, path: str) -> None:
    send(pair, method, path, FHIR, PATIENT)
    (request,) = pair.sent()
    assert request["text"] == PATIENT


def test_body_with_an_offer_is_no_second_request(pair: Pair) -> None:
    smuggled = f"GET {httpx.URL(pair.base()).path}/Patient/1 HTTP/1.1\r\nHost: gw\r\n\r\n"
    response = send(pair, "POST", "Patient/_search", FORM, smuggled)
    assert response.count(b"HTTP/1.1 ") == 2
