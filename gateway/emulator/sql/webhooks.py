"""Webhooks that announce a completed query, as Halo's page on webhooks describes them.

A notice is sent up to ten times, five seconds each; 2xx ends it, and so does a 4xx other than 408 and 429.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec

from gateway.emulator.settings import Webhook

MAX_ATTEMPTS: Final = 10
ATTEMPT_SECONDS: Final = 5.0
_MAX_PAUSE_SECONDS: Final = 60.0
_REPEATABLE_STATUSES: Final = frozenset({408, 429})


def build_notice(site: str, query_id: str, source: str, now: datetime) -> dict[str, str]:
    """Build the body of a webhook; `source` is `async` or `registered`."""
    return {
        "id": str(uuid4()),
        "occurredAt": format_timestamp(now),
        "siteId": site,
        "queryId": query_id,
        "webhookSource": source,
    }


def format_timestamp(moment: datetime) -> str:
    """Format an instant as .NET does: seven digits of a second and `+00:00`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"


def signature(body: bytes, timestamp: str, secret: str) -> str:
    """Return the HMAC-SHA256 of `<body>.<timestamp>` in lower-case hex."""
    return hmac.new(secret.encode(), body + b"." + timestamp.encode(), hashlib.sha256).hexdigest()


def target_url(url: str, notice: dict[str, str]) -> str:
    """Fill in the template variables of a receiver's URL."""
    names = {"{siteId}": "siteId", "{queryId}": "queryId", "{source}": "webhookSource"}
    for variable, name in names.items():
        url = url.replace(variable, notice[name])
    return url


def is_last(status: int) -> bool:
    """Whether a response of that status ends the attempts; 0: there was none."""
    return 200 <= status < 300 or (400 <= status < 500 and status not in _REPEATABLE_STATUSES)  # noqa: PLR2004


def pause_seconds(attempt: int) -> float:
    """Return the wait after an attempt, the first being 1: it doubles up to a minute."""
    return min(2.0 ** (attempt - 1), _MAX_PAUSE_SECONDS)


async def deliver(
    webhook: Webhook,
    notice: dict[str, str],
    scale: float,
    now: Callable[[], datetime],
    record: Callable[[Any], None],
) -> None:
    """Send one notice until it is delivered, and record each attempt; `scale` shortens the waits."""
    body = msgspec.json.encode(notice)
    async with httpx.AsyncClient(trust_env=False, timeout=ATTEMPT_SECONDS) as client:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            timestamp = format_timestamp(now())
            headers = {
                "content-type": "application/json",
                "X-Halo-Id": notice["id"],
                "X-Halo-Timestamp": timestamp,
                "X-Halo-Signature-256": signature(body, timestamp, webhook.secret),
            }
            status = await _post(client, target_url(webhook.url, notice), body, headers)
            record({**notice, "url": webhook.url, "attempt": attempt, "status": status})
            if is_last(status):
                return
            await asyncio.sleep(pause_seconds(attempt) * scale)


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> int:
    """Return the status of the response, or 0 without one."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return (await client.post(url, content=body, headers=headers)).status_code
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
        return 0
