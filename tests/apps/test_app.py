"""Apps: an app without settings accepts no older data."""

from gateway.apps.app import App


def test_app_accepts_no_older_data_by_default() -> None:
    assert App("desk").accepted_ages == {}
    assert not App("desk").is_batch
