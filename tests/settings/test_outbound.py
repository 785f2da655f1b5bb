"""Which proxies and files of certificates are taken."""

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
def test_http_proxy_is_taken_and_never_shown(url: str) -> None:
    upstream = Upstream.model_validate({"proxy": url})
    assert upstream.proxy is not None
    assert upstream.proxy.get_secret_value() == url
    assert url not in f"{upstream!r} {upstream.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:Zzyzx@proxy:3128", "no SOCKS or HTTPS proxy"),
        ("socks5://user:Zzyzx@proxy:1080", "no SOCKS or HTTPS proxy"),
        ("Zzyzx:3128", "no SOCKS or HTTPS proxy"),
        ("http://user:Zzyzx@proxy", "not host and port alone"),
        ("http://user:Zzyzx@proxy:3128/path", "not host and port alone"),
        ("http://user:Zzyzx@proxy:3128?a=b", "not host and port alone"),
        ("http://user:Zzyzx@proxy:99999", "no URL"),
        ("http://user:Zzyzx@:3128", ""),
        ("http://us%3Aer:Zzyzx@proxy:3128", "no colon"),
        ("http://user:Zzyzx%E2%82%AC@proxy:3128", "Latin-1"),
        ("http://pro xy:3128", "no space"),
        ("http://user:Zzyzx @proxy:3128", "no space"),
        ("http://proxy:3128\n", "no space"),
        ("http://proxy..example:3128", "no URL"),
        ("", "no SOCKS or HTTPS proxy"),
    ],
)
def test_other_proxy_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ValidationError) as found:
        PROXIES.validate_python(url)
    (problem,) = found.value.errors(include_input=False)
    assert said in problem["msg"]
    assert "Zzyzx" not in problem["msg"]


def test_file_with_a_certificate_is_taken(tmp_path: Path) -> None:
    file = authority(tmp_path).ca_file
    assert FILES.validate_python(str(file)) == file


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"", "no certificate"), (b"Zzyzx\n", "no certificate")]
)
def test_file_without_a_certificate_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValidationError) as found:
        FILES.validate_python(file)
    assert said in str(found.value)
    with pytest.raises(ValidationError, match="cannot be read"):
        FILES.validate_python(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("Z" * 9_999, "Z…: File name too long"), ("a\0", "not the path")])
def test_path_that_no_file_has_is_cut(name: str, said: str) -> None:
    with pytest.raises(ValidationError) as found:
        FILES.validate_python(name)
    (problem,) = found.value.errors(include_input=False)
    assert said in problem["msg"]
    assert len(problem["msg"]) < 250


def test_every_upstream_has_a_way_of_its_own() -> None:
    assert {"proxy", "ca_file"} <= set(MountedUpstream.model_fields) & set(Upstream.model_fields)
