"""Signature of Standard Webhooks (https://www.standardwebhooks.com), version v1.

`webhook-signature` is `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`; the key is what follows
`whsec_` in the secret, decoded from base64.
"""

import hmac
from base64 import b64decode, b64encode
from typing import Final

from gateway.settings.secrets import WEBHOOK_KEY_PREFIX
from gateway.webhooks.delivery import Delivery

ID_HEADER: Final = "webhook-id"


def standard_signature(secret: str, delivery: Delivery, now: float) -> tuple[tuple[str, str], ...]:
    """Header fields of one attempt to deliver, whose `webhook-id` is already among the others."""
    message_id, timestamp = dict(delivery.headers)[ID_HEADER], str(int(now))
    key = b64decode(secret.removeprefix(WEBHOOK_KEY_PREFIX))
    code = hmac.digest(key, b".".join((message_id.encode(), timestamp.encode(), delivery.body)), "sha256")
    return (("webhook-timestamp", timestamp), ("webhook-signature", f"v1,{b64encode(code).decode()}"))
