"""Settings of outbound proxies and CA files."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError
from support.outbound import authority

from gateway.settings import MountedUpstream, Upstream
from gateway.settings.outbound import CaFile, ProxyUrl

PROXIES, FILES = TypeAdapter(ProxyUrl), TypeAdapter(CaFile)


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy:3128",
        "http://proxy.example.com.au:80/",
        "http://user:p%40ss@10.0.0.1:3128",
        "http://user@[fd00::1]:3128",
        "HTTP://proxy:3128",
    ],
)
def test_http_proxy_is_valid_and_never_shown(url: str) -> None:
    upstream = Upstream.model_validate({"proxy": url})
    assert upstream.proxy is not None
    assert upstream.proxy.get_secret_value() == url
    assert url not in f"{upstream!r} {upstream.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:Zzyzx@proxy:3128", "not a SOCKS or HTTPS proxy"),
        ("socks5://user:Zzyzx@proxy:1080", "not a SOCKS or HTTPS proxy"),
        ("Zzyzx:3128", "not a SOCKS or HTTPS proxy"),
        ("http://user:Zzyzx@proxy", "must have a host and a port"),
        ("http://user:Zzyzx@proxy:3128/path", "must have a host and a port"),
        ("http://user:Zzyzx@proxy:3128?a=b", "must have a host and a port"),
        ("http://user:Zzyzx@proxy:99999", "must be a URL"),
        ("http://user:Zzyzx@:3128", ""),
        ("http://us%3Aer:Zzyzx@proxy:3128", "must not contain a colon"),
        ("http://user:Zzyzx%E2%82%AC@proxy:3128", "Latin-1"),
        ("http://pro xy:3128", "must not contain spaces"),
        ("http://user:Zzyzx @proxy:3128", "must not contain spaces"),
        ("http://proxy:3128\n", "must not contain spaces"),
        ("http://proxy..example:3128", "must be a URL"),
        ("", "not a SOCKS or HTTPS proxy"),
    ],
)
def test_invalid_proxy_is_rejected_without_showing_its_password(url: str, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        PROXIES.validate_python(url)
    (problem,) = error.value.errors(include_input=False)
    assert message in problem["msg"]
    assert "Zzyzx" not in problem["msg"]


def test_file_with_a_certificate_is_valid(tmp_path: Path) -> None:
    file = authority(tmp_path).ca_file
    assert FILES.validate_python(str(file)) == file


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"", "no certificate"), (b"Zzyzx\n", "no certificate")],
)
def test_file_without_a_certificate_is_rejected(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValidationError) as error:
        FILES.validate_python(file)
    assert message in str(error.value)
    with pytest.raises(ValidationError, match="cannot be read"):
        FILES.validate_python(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("Z" * 9_999, "Z…: File name too long"), ("a\0", "must be the path")]
)
def test_impossible_path_is_shortened(name: str, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        FILES.validate_python(name)
    (problem,) = error.value.errors(include_input=False)
    assert message in problem["msg"]
    assert len(problem["msg"]) < 250


def test_every_upstream_has_its_own_proxy_and_ca() -> None:
    assert {"proxy", "ca_file"} <= set(MountedUpstream.model_fields) & set(Upstream.model_fields)
