"""Secrets that an operator makes."""

import base64
import random

import pytest
from pydantic import TypeAdapter, ValidationError
from support.secrets import OTHER_SECRET, SECRET

from gateway.settings.secrets import RotatingKeys, Secret, SharedSecrets

SECRET_TYPE = TypeAdapter(Secret)
KEYS_TYPE = TypeAdapter(RotatingKeys)
SHARED_TYPE = TypeAdapter(SharedSecrets)


def error_message(adapter: TypeAdapter[object], value: object) -> str:
    with pytest.raises(ValidationError) as error:
        adapter.validate_python(value)
    (problem,) = error.value.errors(include_input=False)
    return problem["msg"]


@pytest.mark.parametrize("seed", range(200))
def test_32_random_bytes_are_valid_in_every_notation(seed: int) -> None:
    content = random.Random(seed).randbytes(32)
    base64_text = base64.b64encode(content).decode()
    for text in (
        base64_text,
        base64_text.rstrip("="),
        base64.urlsafe_b64encode(content).decode().rstrip("="),
        content.hex(),
        content.hex().upper(),
    ):
        assert SECRET_TYPE.validate_python(text).get_secret_value() == text


@pytest.mark.parametrize("text", [f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET} "])
def test_space_around_a_secret_is_no_part_of_it(text: str) -> None:
    assert SECRET_TYPE.validate_python(text).get_secret_value() == SECRET


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a",
        SECRET[:40],
        "0123456789abcdef" * 3,
        "0123456789abcdef" * 8,
        "a" * 64,
        "abcd" * 16,
        "A" * 1_000,
        f"{SECRET[:20]} {SECRET[20:]}",
        f"{SECRET[:-1]}é",
        f"{SECRET[:-2]}==",
        "correct horse battery staple correct horse battery",
    ],
)
def test_secret_that_can_be_guessed_is_refused(text: str) -> None:
    message = error_message(SECRET_TYPE, text)
    assert message.endswith("make them with: openssl rand -base64 32")
    assert not text.strip() or text.strip() == "a" or text not in message


def test_keys_are_distinct_and_few() -> None:
    assert len(KEYS_TYPE.validate_python([SECRET, OTHER_SECRET])) == 2
    assert "twice" in error_message(KEYS_TYPE, [SECRET, f"{SECRET}\n"])
    many = [random.Random(seed).randbytes(32).hex() for seed in range(11)]
    assert "10" in error_message(KEYS_TYPE, many)


@pytest.mark.parametrize(
    "text", [SECRET, "whsec_a1b2c3d4e5", "0a1b2c3d-0000-4000-8000-00000000000a", "x y" * 9 + "abcdef"]
)
def test_shared_secret_of_any_form_is_valid(text: str) -> None:
    (secret,) = SHARED_TYPE.validate_python([f" {text}\n"])
    assert secret.get_secret_value() == text


@pytest.mark.parametrize(
    "text", ["", "short one", "a" * 64, "abcabcabcabcabcabc", "a1b2c3d4" * 63, f"{SECRET}\0x"]
)
def test_weak_or_unusual_shared_secret_is_refused(text: str) -> None:
    message = error_message(SHARED_TYPE, [text])
    assert not text or text not in message


def test_shared_secrets_are_distinct_and_few() -> None:
    assert "twice" in error_message(SHARED_TYPE, [SECRET, f"{SECRET}\n"])
    assert "10" in error_message(SHARED_TYPE, [random.Random(seed).randbytes(32).hex() for seed in range(11)])
