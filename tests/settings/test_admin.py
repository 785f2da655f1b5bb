"""Settings of the /admin endpoints."""

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.settings import Admin


@pytest.mark.parametrize("listen", ["127.0.0.1:9090", "[::1]:0", "operators.example:65535"])
def test_admin_address_with_host_and_port_is_valid(listen: str) -> None:
    assert Admin.model_validate({"token": SECRET, "listen": listen}).listen == listen


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:0", "127.1.2.3:9090", "[::1]:9090", "localhost:9090", "LOCALHOST:9090"]
)
def test_address_of_this_machine_needs_no_token(listen: str) -> None:
    assert Admin(listen=listen).listen == listen


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9090", "[::]:9090", "10.0.0.5:9090", "[fd00::1]:9090", "localhost.example:1"],
)
def test_address_that_others_reach_needs_a_token(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"set admin\.token, or listen on 127\.0\.0\.1"):
        Admin(listen=listen)
    assert Admin.model_validate({"token": SECRET, "listen": listen}).listen == listen


def test_invalid_token_is_the_only_problem_of_an_address() -> None:
    with pytest.raises(ValidationError) as error:
        Admin.model_validate({"token": "a", "listen": "0.0.0.0:9090"})
    assert [problem["loc"] for problem in error.value.errors()] == [("token",)]


@pytest.mark.parametrize("host", ["operators", "ops.example.com.au", "OPS-1.example"])
def test_host_name_of_the_admin_port_is_in_lower_case(host: str) -> None:
    assert Admin.model_validate({"hosts": [host]}).hosts == (host.lower(),)


@pytest.mark.parametrize(
    "host", ["", "*", "a.example:80", "http://a.example", "a b", "a\r\nb", "-a", ".a", 3]
)
def test_other_host_of_the_admin_port_is_refused(host: object) -> None:
    with pytest.raises(ValidationError):
        Admin.model_validate({"hosts": [host]})


@pytest.mark.parametrize(
    "listen",
    [
        "",
        "9090",
        ":9090",
        "127.0.0.1",
        "127.0.0.1:65536",
        "http://a:1",
        "0:1",
        "127.1:1",
        "999.1.1.1:1",
        "a..b:1",
        "-a:1",
        "a-:1",
        "[:::]:1",
        "[1.2.3.4]:1",
        "a" * 64 + ":1",
    ],
)
def test_other_admin_address_is_rejected(listen: str) -> None:
    with pytest.raises(ValidationError):
        Admin.model_validate({"token": SECRET, "listen": listen})
