"""URLs of Redis: valid if both clients of redis-py can be created from them."""

import pytest
import redis
import redis.asyncio
from pydantic import TypeAdapter, ValidationError

from gateway.settings.redis_url import RedisUrl
from gateway.stores.redis_client import open_client

URLS = TypeAdapter(RedisUrl)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h:6379/",
        "rediss://:Zzyzx@h:1/0",
        "redis://user:Zz%2Fyzx@[::1]:6379/15",
        "redis://h?db=3&client_name=gateway&health_check_interval=30&socket_keepalive=no&protocol=3",
        "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=no&ssl_ciphers=ECDHE-RSA-AES128-GCM-SHA256",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=1&username=u&password=Zzyzx",
    ],
)
def test_valid_url_creates_both_clients(url: str) -> None:
    assert URLS.validate_python(url).get_secret_value() == url
    for pool in (redis.asyncio.BlockingConnectionPool, redis.ConnectionPool):
        assert pool.from_url(url).make_connection()


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://user:Zz%2Fyzx@a:26379,[::1],c:1/mymaster/3?client_name=g&protocol=3",
        "rediss+sentinel://a/m?ssl_cert_reqs=none&ssl_check_hostname=no&sentinel_username=u&sentinel_password=Zzyzx",
        "redis+cluster://:Zzyzx@a:7001,b:7002?health_check_interval=30&socket_keepalive=no",
        "rediss+cluster://a?ssl_cert_reqs=none&ssl_ciphers=ECDHE-RSA-AES128-GCM-SHA256",
    ],
)
def test_valid_url_of_several_servers_creates_a_client(url: str) -> None:
    assert URLS.validate_python(url).get_secret_value() == url
    assert open_client(url, 0.5)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis+sentinel://Zzyzx:1", "with the name that the Sentinels have"),
        ("redis+cluster://Zzyzx/1", "a Cluster has one database"),
        ("redis+cluster://h?db=1", "only these options are allowed after ?"),
        ("redis+cluster://h?sentinel_password=Zzyzx", "only these options are allowed after ?"),
        ("rediss+cluster://h?ssl_ca_path=/Zzyzx", "only these options are allowed after ?"),
        ("redis+sentinel://h/m?db=1", "only these options are allowed after ?"),
        ("redis+sentinel://h/m?ssl_cert_reqs=none", "only these options are allowed after ?"),
        ("redis+sentinel://h/m?x", "must be a Redis URL"),
        ("rediss+sentinel://h/m?ssl_ca_certs=/Zzyzx", "an invalid value: write redis+sentinel://"),
        ("rediss+cluster://h?ssl_ca_certs=/Zzyzx", "an invalid value: write redis+cluster://"),
        ("redis+sentinal://h/m", "redis+sentinel:// or redis+cluster:// for several servers"),
    ],
)
def test_invalid_url_of_several_servers_is_rejected(url: str, message: str) -> None:
    assert message in error_message(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "Zzyzx",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "redis://:Zzyzx/AbC=@redis.example:6380/0",
        "redis://:Zzyzx#x@h:6379",
        "redis://:12#Zzyzx@h:6379",
        "redis://user:12?Zzyzx@h",
        "redis://user:12/Zzyzx@h:6379",
        "redis://h:99999",
        "redis://h:0",
        "redis://:Zzyzx@[::1",
        "redis://Zz yzx",
        "redis://h\t:6379",
        "redis://Zzyzx..example",
        "redis://h:6379/Zzyzx",
        "redis://h:6379/abc?x=y",
        "redis://h/0?db",
        "unix://",
        "unix:///run/redis.sock#x",
        "unix://Zzyzx/run/redis.sock",
    ],
)
def test_invalid_url_is_rejected_without_showing_it(url: str) -> None:
    assert "must be a Redis URL" in error_message(url)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("socket_timeout=Zzyzx", "these options are allowed after ?, each once: client_name, db,"),
        ("socket_timeout=1", "these options are allowed after ?"),
        ("max_connections=1", "these options are allowed after ?"),
        ("password=Zzyzx", "these options are allowed after ?"),
        ("Zzyzx=1", "these options are allowed after ?"),
        ("ssl_ca_certs=/Zzyzx", "these options are allowed after ?"),
        ("db=1&db=2", "these options are allowed after ?"),
        ("db=Zzyzx", "db must be the number"),
        ("db=-1", "db must be the number"),
        ("protocol=7", "an invalid value"),
        ("health_check_interval=Zzyzx", "health_check_interval must be a number of seconds"),
        ("health_check_interval=-5", "health_check_interval must be a number of seconds"),
        ("socket_keepalive=Zzyzx", "socket_keepalive must be yes or no"),
    ],
)
def test_invalid_option_is_rejected(query: str, message: str) -> None:
    assert message in error_message(f"redis://h?{query}")


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl_ciphers"])
def test_invalid_tls_option_is_rejected(option: str) -> None:
    assert "an invalid value" in error_message(f"rediss://h?{option}=/Zzyzx")


def test_wrong_truth_of_tls_is_rejected() -> None:
    assert "ssl_check_hostname must be yes or no" in error_message("rediss://h?ssl_check_hostname=off")


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"])
@pytest.mark.parametrize("rest", ["Zzyzx:0/m/0", "h/m/x/Zzyzx", "h?Zzyzx=1", "h/m?health_check_interval=-5"])
def test_example_for_several_servers_is_of_the_same_kind(scheme: str, rest: str) -> None:
    _, _, example = error_message(f"{scheme}://{rest}").partition("; write, for example, ")
    assert example.removeprefix('"').startswith(scheme.replace("rediss", "redis") + "://")
    assert URLS.validate_python(example.strip('"'))


def error_message(url: str) -> str:
    with pytest.raises(ValidationError) as error:
        URLS.validate_python(url)
    (problem,) = error.value.errors(include_input=False)
    assert "Zzyzx" not in str(problem)
    assert "yzx" not in problem["msg"]
    return problem["msg"]
