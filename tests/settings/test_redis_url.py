"""Which URLs of Redis are taken: those of which both of redis-py's clients can be made."""

import pytest
import redis
import redis.asyncio
from pydantic import TypeAdapter, ValidationError

from gateway.settings.redis_url import RedisUrl

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
def test_url_is_taken_and_makes_both_clients(url: str) -> None:
    assert URLS.validate_python(url).get_secret_value() == url
    for pool in (redis.asyncio.BlockingConnectionPool, redis.ConnectionPool):
        assert pool.from_url(url).make_connection()


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
def test_other_url_is_refused_without_a_part_of_it(url: str) -> None:
    assert "is not a URL that Redis clients read" in refused(url)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("socket_timeout=Zzyzx", "after ? may stand, each once: client_name, db,"),
        ("socket_timeout=1", "after ? may stand"),
        ("max_connections=1", "after ? may stand"),
        ("password=Zzyzx", "after ? may stand"),
        ("Zzyzx=1", "after ? may stand"),
        ("ssl_ca_certs=/Zzyzx", "after ? may stand"),
        ("db=1&db=2", "after ? may stand"),
        ("db=Zzyzx", "db is the number"),
        ("db=-1", "db is the number"),
        ("protocol=7", "a value that Redis clients do not read"),
        ("health_check_interval=Zzyzx", "a value that Redis clients do not read"),
    ],
)
def test_option_that_no_client_takes_is_refused(query: str, said: str) -> None:
    assert said in refused(f"redis://h?{query}")


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl_ciphers"])
def test_tls_that_cannot_be_set_up_is_refused(option: str) -> None:
    assert "a value that Redis clients do not read" in refused(f"rediss://h?{option}=/Zzyzx")


def refused(url: str) -> str:
    with pytest.raises(ValidationError) as found:
        URLS.validate_python(url)
    (problem,) = found.value.errors(include_input=False)
    assert "Zzyzx" not in str(problem)
    assert "yzx" not in problem["msg"]
    return problem["msg"]
