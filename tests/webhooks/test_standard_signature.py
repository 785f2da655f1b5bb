"""Signature of Standard Webhooks."""

import re
from typing import Any

import pytest
from conftest import ROOT

from gateway.webhooks.delivery import Delivery
from gateway.webhooks.standard_signature import standard_signature

#: The example that the libraries of Standard Webhooks share
#: (https://github.com/standard-webhooks/standard-webhooks, test "sign function" of each library).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published
MESSAGE = Delivery(b'{"test": 2432232314}', (("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),))
SENT_AT = 1_614_265_330.0
LEDGER_PAGE = (ROOT / "docs/ledger.md").read_text()


def documented_verification() -> Any:
    """Return the function of the receiver that the documentation shows."""
    (code,) = re.findall(r"^```python\n(.*?)^```", LEDGER_PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the project's own page
    return names["verify"]


def test_signature_is_that_of_the_published_example() -> None:
    assert standard_signature(SECRET, MESSAGE, SENT_AT) == (
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    )


def test_documented_receiver_accepts_the_signature() -> None:
    headers = {**dict(MESSAGE.headers), **dict(standard_signature(SECRET, MESSAGE, SENT_AT))}
    documented_verification()(SECRET, headers, MESSAGE.body, SENT_AT + 60)


@pytest.mark.parametrize(
    ("changes", "body", "seconds"),
    [
        ({}, b'{"test": 2432232315}', 0),
        ({"webhook-id": "msg_other"}, MESSAGE.body, 0),
        ({"webhook-timestamp": "1614265331"}, MESSAGE.body, 0),
        ({"webhook-signature": "v1,AAAA"}, MESSAGE.body, 0),
        ({}, MESSAGE.body, 301),
        ({}, MESSAGE.body, -301),
    ],
)
def test_documented_receiver_refuses_what_is_not_signed(
    changes: dict[str, str], body: bytes, seconds: int
) -> None:
    headers = {**dict(MESSAGE.headers), **dict(standard_signature(SECRET, MESSAGE, SENT_AT)), **changes}
    with pytest.raises(ValueError, match=r"^(signature|time)$"):
        documented_verification()(SECRET, headers, body, SENT_AT + seconds)
