"""Advice as text."""

from gateway.admin.advice_text import format_advice

ADVICE = {
    "id": "polls-too-often",
    "app": "board",
    "caller": "c0ffee00",
    "site": "harbour",
    "shape": "GET Appointment?date(ge,lt)",
    "requests": 450,
    "queries": 450,
    "perDay": {"queries": 7896, "bytes": 7_896_000, "cost": 789.6, "currency": "AUD"},
    "text": "The app asks for the same list more often than a reader of a screen needs.",
    "instead": "GET Appointment?date(ge,lt) every 30 s",
}
RESULT = {"requests": 450, "observedSince": "2026-07-01T01:00:00+00:00", "advice": [ADVICE]}


def test_advice_names_sender_price_and_cheaper_call() -> None:
    assert format_advice(RESULT).splitlines()[2:] == [
        "polls-too-often: GET Appointment?date(ge,lt) (board, c0ffee00, harbour)",
        "  The app asks for the same list more often than a reader of a screen needs.",
        "  seen: 450 requests, 450 queries; 7,896 queries and 7,896,000 bytes, 789.60 AUD a day too many",
        "  instead: GET Appointment?date(ge,lt) every 30 s",
    ]


def test_advice_without_prices_and_apps_names_neither() -> None:
    advice = {**ADVICE, "app": None, "perDay": {**ADVICE["perDay"], "cost": None}}
    text = format_advice({**RESULT, "advice": [advice]})
    assert "(c0ffee00, harbour)" in text
    assert "AUD" not in text


def test_no_advice_says_how_much_was_seen() -> None:
    assert "of 7 requests since" in format_advice({"requests": 7, "observedSince": "t", "advice": []})
