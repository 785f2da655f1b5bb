"""Which requests of browsers may read or change something."""

import pytest

from gateway.admin.dashboard.same_origin import may_change, may_read

LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", **LINK}, True),
        ({"sec-fetch-site": "cross-site", **FRAME}, False),
        ({"sec-fetch-site": "same-site", **FRAME}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "document"}, False),
    ],
)
def test_page_is_for_the_operator_and_links(fields: dict[str, str], expected: bool) -> None:
    assert may_read(fields) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://gw.example", "host": "10.0.0.1"}, True),
        ({"sec-fetch-site": "same-site", "origin": "http://gw.example", "host": "gw.example"}, False),
        ({"sec-fetch-site": "cross-site", **LINK}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://gw.example:8081", "host": "GW.example:8081"}, True),
        ({"origin": "http://gw.example", "host": "gw.example:8081"}, False),
        ({"origin": "http://evil.example", "host": "gw.example"}, False),
        ({"origin": "null", "host": "gw.example"}, False),
        ({"origin": "null"}, False),
        ({"host": "gw.example"}, False),
    ],
)
def test_form_must_be_of_the_same_origin(fields: dict[str, str], expected: bool) -> None:
    assert may_change(fields) is expected
