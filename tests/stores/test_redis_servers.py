"""Servers of a URL of Redis."""

import pytest

from gateway.stores.redis_servers import RedisServers, parse_redis_url


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("redis://:p@h:1/2", RedisServers("single", "redis://:p@h:1/2")),
        ("unix:///run/redis.sock", RedisServers("single", "unix:///run/redis.sock")),
        (
            "redis+sentinel://u:p%2F@a:1,[::1]:2,c/my-master/3?sentinel_password=x%26y&client_name=g",
            RedisServers(
                "sentinel",
                "redis://u:p%2F@a:1/3?client_name=g",
                (("a", 1), ("::1", 2), ("c", 26_379)),
                "my-master",
                (("sentinel_password", "x&y"),),
            ),
        ),
        (
            "rediss+sentinel://[::1]/m",
            RedisServers("sentinel", "rediss://[::1]:26379/0", (("::1", 26_379),), "m"),
        ),
        (
            "rediss+cluster://:p@h:7001,h2?ssl_cert_reqs=none",
            RedisServers("cluster", "rediss://:p@h:7001/?ssl_cert_reqs=none", (("h", 7_001), ("h2", 6_379))),
        ),
        ("redis+cluster://h/0", RedisServers("cluster", "redis://h:6379/", (("h", 6_379),))),
    ],
)
def test_url_has_servers(url: str, servers: RedisServers) -> None:
    assert parse_redis_url(url) == servers


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("redis+sentinel://Zzyzx", "redis+sentinel://:password@host:26379,host2:26379/mymaster/0"),
        ("redis+sentinel://Zzyzx/", "with the name that the Sentinels have"),
        ("redis+sentinel://Zzyzx/m/x", "with the name that the Sentinels have"),
        ("redis+sentinel://:Zz/yzx@h:1/m", "a host and a port"),
        ("redis+sentinel://:Zz@yzx@h:1/m", "percent-encode"),
        ("redis+sentinel://Zzyzx:99999/m", "a port from 1 to 65535"),
        ("redis+sentinel://Zzyzx:0/m", "a port from 1 to 65535"),
        ("redis+sentinel://Zzyzx,/m", "a host and a port"),
        ("redis+cluster://Zzyzx,,b", "redis+cluster://:password@host:7001,host2:7002"),
        ("redis+cluster://Zzyzx/1", "a Cluster has one database"),
        ("redis+cluster://Zzyzx b", "a host and a port"),
        ("redis+cluster://", "percent-encode"),
        ("redis+cluster://Zzyzx#x", "percent-encode"),
    ],
)
def test_fault_says_what_to_write_without_the_url(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match="must be a Redis URL") as error:
        parse_redis_url(url)
    assert fault in str(error.value)
    assert "yzx" not in str(error.value)
