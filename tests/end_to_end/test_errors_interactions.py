"""What a 404 of the upstream says to a client, by interaction, over real sockets."""

import pytest
from conftest import KEY
from end_to_end.failing_gateway import BASE, FailingGateway, checked_issue, error_code
from support.dialects import firely

PATIENT = b'{"resourceType":"Patient","id":"999999"}'
BUNDLE = b'{"resourceType":"Bundle","type":"transaction","entry":[]}'
JSON = {"content-type": "application/fhir+json"}
#: Request -> code of a 404 with an OperationOutcome that does not say why, and words of its text.
UNCLEAR = {
    "GET Patient/999999": ("resource-not-found", "No resource with this id exists"),
    "GET Patient/999999/_history/1": ("not-found-or-not-supported", "does not have this version"),
    "GET Patient/999999/_history": ("not-found-or-not-supported", "returned no history"),
    "GET Patient?family=Nobody": ("interaction-not-supported", "does not mean that nothing matches"),
    "POST Patient": ("interaction-not-supported", "Nothing was created"),
    "PUT Patient/999999": ("not-found-or-not-supported", "Nothing was changed"),
    "PATCH Patient/999999": ("not-found-or-not-supported", "does not support PATCH"),
    "DELETE Patient/999999": ("not-found-or-not-supported", "Nothing was deleted"),
    "GET Patient/999999/$everything": ("not-found-or-not-supported", "no operation of this name"),
    "POST ": ("interaction-not-supported", "batch or transaction"),
}
#: Requests that the emulator's engine does not support.
UNSUPPORTED = [
    *(
        "GET Patient/1/_history",
        "GET Basic/1",
        "GET Basic?code=x",
        "DELETE Patient/1",
        "GET Patient/1/$match",
    ),
]


def send(gateway: FailingGateway, line: str) -> tuple[str, str]:
    """Code and text of the response to a request."""
    method, _, path = line.partition(" ")
    body = {"POST": BUNDLE if path == "" else PATIENT, "PUT": PATIENT, "PATCH": b"[]"}.get(method, b"")
    json = {"content-type": "application/json-patch+json"} if method == "PATCH" else JSON
    headers = KEY | (json if body else {})
    url = f"{BASE}/{path}" if path else BASE
    issue = checked_issue(gateway.ask(method, url, headers=headers, content=body), 404)
    return error_code(issue), issue["details"]["text"]


@pytest.mark.parametrize("line", UNCLEAR)
def test_404_says_what_it_means_for_the_request(gateway: FailingGateway, line: str) -> None:
    gateway.pair.fault(kind="answer", status=404, body=firely("Not there"))
    code, text = send(gateway, line)
    assert (code, UNCLEAR[line][1] in text) == (UNCLEAR[line][0], True)


@pytest.mark.parametrize("line", UNSUPPORTED)
def test_unsupported_interaction_is_no_missing_record(gateway: FailingGateway, line: str) -> None:
    code, text = send(gateway, line)
    assert code == "interaction-not-supported"
    assert "says nothing about the records" in text
