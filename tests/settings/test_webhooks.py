"""Settings of webhooks."""

import pytest
from pydantic import ValidationError

from gateway.settings import Settings, SiteSettings
from gateway.settings.webhooks import Webhooks

SECRET = "synthetic secret of Halo"  # noqa: S105 - a test's own


def with_receiver(url: object) -> Webhooks:
    return Webhooks.model_validate({"secrets": [SECRET], "receivers": {"billing": {"url": url}}})


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/hook",
        "http://localhost:9000/",
        "http://127.0.0.1:9000/hook",
        "http://[::1]:9000/",
        "http://10.1.2.3/hook",
        "http://billing:9000/hook",
    ],
)
def test_receiver_is_https_or_near(url: str) -> None:
    assert str(with_receiver(url).receivers["billing"].url).rstrip("/") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hook",
        "http://8.8.8.8/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest",
        "ftp://localhost/",
        "https://user:Zzyzx@receiver.example/",
        "https://receiver.example/?key=Zzyzx",
        "",
        None,
    ],
)
def test_other_receiver_is_refused_without_its_url(url: object) -> None:
    with pytest.raises(ValidationError) as raised:
        with_receiver(url)
    messages = [problem["msg"] for problem in raised.value.errors(include_input=False)]
    assert "Zzyzx" not in str(messages)


def test_receivers_need_a_secret() -> None:
    with pytest.raises(ValidationError, match="receivers need secrets"):
        Webhooks.model_validate({"receivers": {"billing": {"url": "https://receiver.example/"}}})


def test_numbers_of_receivers_and_keys_are_limited() -> None:
    receivers = {f"r-{n}": {"url": "https://receiver.example/"} for n in range(21)}
    with pytest.raises(ValidationError, match="20"):
        Webhooks.model_validate({"secrets": [SECRET], "receivers": receivers})
    keys = {f"q-{n}": ["Patient"] for n in range(201)}
    with pytest.raises(ValidationError, match="200"):
        SiteSettings.model_validate({"webhooks": {"invalidates": keys}})


@pytest.mark.parametrize("seconds", [0, 9, 3_601, True])
def test_age_is_between_seconds_and_an_hour(seconds: object) -> None:
    with pytest.raises(ValidationError):
        Webhooks.model_validate({"max_age_seconds": seconds})


@pytest.mark.parametrize(
    "invalidates", [{"*": ["Apointment"]}, {"": ["Patient"]}, {"a b": ["Patient"]}, {"*": "Patient"}]
)
def test_type_that_r4_does_not_have_is_refused(invalidates: object) -> None:
    with pytest.raises(ValidationError):
        SiteSettings.model_validate({"webhooks": {"invalidates": invalidates}})


def test_all_types_of_every_webhook_can_be_named() -> None:
    found = SiteSettings.model_validate({"webhooks": {"invalidates": {"*": ["*"], "q-1": ["Slot"]}}})
    assert found.webhooks.invalidates == {"*": ("*",), "q-1": ("Slot",)}


def test_secrets_are_never_shown() -> None:
    receiver = {"url": "https://receiver.example/", "secret": "another synthetic secret"}
    hooks = {"secrets": [SECRET], "receivers": {"billing": receiver}}
    settings = Settings.model_validate({"webhooks": hooks})
    assert "synthetic" not in f"{settings!r} {settings.model_dump_json()}"
