import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from emulator.sql.shapes import NOTICE, problems
from emulator.sql.webhook_receiver import receive_webhooks

from gateway.emulator.settings import Webhook
from gateway.emulator.sites import SYDNEY
from gateway.emulator.sql.webhooks import (
    MAX_ATTEMPTS,
    build_notice,
    deliver,
    format_timestamp,
    is_last,
    pause_seconds,
    signature,
    target_url,
)

NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
SECRET = "whsec"  # noqa: S105 - synthetic


async def send(url: str, record: list[Any]) -> dict[str, str]:
    notice = build_notice(SYDNEY, SYDNEY, "async", NOW)
    times = iter(NOW + timedelta(seconds=second) for second in range(100))
    await deliver(Webhook(url=url, secret=SECRET), notice, 0, lambda: next(times), record.append)
    return notice


def test_timestamps_are_those_of_dotnet() -> None:
    assert format_timestamp(NOW) == "2026-03-05T14:30:00.0000000+00:00"
    assert format_timestamp(NOW.astimezone(ZoneInfo("Australia/Perth"))) == format_timestamp(NOW)


def test_signature_is_lower_case_hex_over_body_and_timestamp() -> None:
    expected = hmac.new(b"whsec", b'{"a":1}.2026-03-05', hashlib.sha256).hexdigest()
    assert signature(b'{"a":1}', "2026-03-05", SECRET) == expected
    assert expected == expected.lower()


def test_variables_of_a_url_are_filled_in() -> None:
    notice = {"siteId": "s", "queryId": "q", "webhookSource": "async"}
    assert target_url("http://x/{siteId}/{queryId}/{source}", notice) == "http://x/s/q/async"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, True),
        (204, True),
        (400, True),
        (404, True),
        (408, False),
        (429, False),
        (500, False),
        (302, False),
        (0, False),
    ],
)
def test_attempts_end_with_success_or_a_client_error(status: int, expected: bool) -> None:
    assert is_last(status) is expected


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause_seconds(attempt) for attempt in (1, 2, 3, 7, 10)] == [1, 2, 4, 60, 60]


@pytest.mark.anyio
async def test_notice_is_signed_again_for_each_attempt() -> None:
    record: list[Any] = []
    with receive_webhooks(500, 429, 204) as receiver:
        notice = await send(f"{receiver.url}/{{source}}", record)
    assert [entry["status"] for entry in record] == [500, 429, 204]
    assert problems(notice, NOTICE) == []
    assert {each.path for each in receiver.received} == {"/async"}
    assert {each.headers["X-Halo-Id"] for each in receiver.received} == {notice["id"]}
    timestamps = [each.headers["X-Halo-Timestamp"] for each in receiver.received]
    assert len(set(timestamps)) == 3
    for each, timestamp in zip(receiver.received, timestamps, strict=True):
        assert msgspec.json.decode(each.body) == notice
        assert each.headers["X-Halo-Signature-256"] == signature(each.body, timestamp, SECRET)


@pytest.mark.anyio
async def test_client_error_is_not_repeated() -> None:
    record: list[Any] = []
    with receive_webhooks(404) as receiver:
        await send(receiver.url, record)
    assert [entry["status"] for entry in record] == [404]


@pytest.mark.anyio
async def test_delivery_ends_after_ten_attempts() -> None:
    record: list[Any] = []
    with receive_webhooks(503) as receiver:
        await send(receiver.url, record)
    assert len(receiver.received) == MAX_ATTEMPTS == 10


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense"])
async def test_unreachable_receiver_is_recorded_without_a_status(url: str) -> None:
    record: list[Any] = []
    await send(url, record)
    assert {entry["status"] for entry in record} == {0}
