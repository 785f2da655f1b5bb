"""Log of wrong admin tokens."""

from structlog.testing import capture_logs

from gateway.admin.wrong_tokens import WrongTokens


def test_number_of_wrong_tokens_is_logged_once_a_minute() -> None:
    now = [0.0]
    wrong_tokens = WrongTokens(lambda: now[0])
    with capture_logs() as lines:
        for now[0] in (0.0, 0.1, 30.0, 59.9, 60.0, 60.1, 500.0):
            wrong_tokens.add()
    assert [(line["event"], line["log_level"], line["count"]) for line in lines] == [
        ("admin-token-wrong", "warning", 1),
        ("admin-token-wrong", "warning", 4),
        ("admin-token-wrong", "warning", 2),
    ]
