"""URLs of Redis, as redis-py reads them. Messages show no part of a URL: it may contain a password."""

import re
from typing import Annotated, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, SecretStr

from gateway.stores.redis_servers import FORMS, SENTINEL_LOGIN, Kind, RedisServers, kind_of, parse_redis_url

_UNREADABLE_URL: Final = (
    f"must be a Redis URL: {FORMS['single']}, and percent-encode / # ? @ and % in the password;"
    " redis+sentinel:// or redis+cluster:// for several servers"
)
#: Options after `?` that an operator may set. The gateway sets timeouts and the number of connections.
_ALLOWED_OPTIONS: Final = frozenset(
    {
        "protocol",
        "client_name",
        "health_check_interval",
        "socket_keepalive",
        "ssl_ca_certs",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_cert_reqs",
        "ssl_check_hostname",
        "ssl_ciphers",
    }
)
#: Options that redis-py has for all but a Cluster.
_CONNECTION_OPTIONS: Final = frozenset({"ssl_ca_path", "ssl_password"})
#: Further options of a kind of URL.
_OPTIONS_OF_KIND: Final[dict[Kind, frozenset[str]]] = {
    "single": _CONNECTION_OPTIONS | {"db"},
    "sentinel": _CONNECTION_OPTIONS | SENTINEL_LOGIN,
    "cluster": frozenset(),
}
_LOGIN_OPTIONS: Final = frozenset({"username", "password"})
_DATABASE_PATH: Final = re.compile(r"(?:/[0-9]{0,4})?")
#: Example of several servers, instead of that of the setting, which has one.
_EXAMPLES: Final[dict[Kind, str]] = {
    "sentinel": "redis+sentinel://:password@host:26379,host2:26379/mymaster/0",
    "cluster": "redis+cluster://:password@host:7001,host2:7002",
}
_TRUTH: Final = re.compile("true|false|yes|no|1|0", re.IGNORECASE)
#: Options with values that redis-py would accept and understand otherwise: any text but `no` as `yes`.
_VALUES: Final = {
    "health_check_interval": re.compile("[0-9]{1,6}"),
    "socket_keepalive": _TRUTH,
    "ssl_check_hostname": _TRUTH,
}


def _check_redis_url(secret: SecretStr) -> SecretStr:
    """Return the URL. Raises ValueError if no client can be created from it."""
    url = secret.get_secret_value()
    try:
        _check_url(url)
    except ValueError as error:
        example = _EXAMPLES.get(kind_of(url))
        raise ValueError(f'{error}; write, for example, "{example}"' if example else str(error)) from None
    return secret


def _check_url(url: str) -> None:
    servers = parse_redis_url(url)
    try:
        parts = urlsplit(servers.node_url)
        is_valid = _is_address(servers.node_url, parts)
        query = url.partition("?")[2]
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(_UNREADABLE_URL) from None
    if not is_valid:
        raise ValueError(_UNREADABLE_URL)
    _check_options(parts.scheme, kind_of(url), options)
    _check_client(servers)


def _is_address(url: str, parts: SplitResult) -> bool:
    """Whether scheme, host, port and database are valid. Raises ValueError if the port is not a number."""
    plain = url.isprintable() and " " not in url and "#" not in url
    if parts.scheme == "unix":
        return plain and not parts.hostname and len(parts.path) > 1
    host, port = parts.hostname or "", parts.port
    host.encode("idna")
    return (
        plain
        and parts.scheme in {"redis", "rediss"}
        and bool(host)
        and port != 0
        and _DATABASE_PATH.fullmatch(parts.path) is not None
    )


def _check_options(scheme: str, kind: Kind, options: list[tuple[str, str]]) -> None:
    names = [name for name, _ in options]
    allowed = _ALLOWED_OPTIONS | _OPTIONS_OF_KIND[kind]
    if scheme == "unix":
        allowed |= _LOGIN_OPTIONS
    if scheme != "rediss":
        allowed = frozenset(name for name in allowed if not name.startswith("ssl_"))
    if len(set(names)) < len(names) or not allowed.issuperset(names):
        raise ValueError(f"only these options are allowed after ?, each once: {', '.join(sorted(allowed))}")
    if not _DATABASE_PATH.fullmatch("/" + dict(options).get("db", "0")):
        raise ValueError("db must be the number of a database")
    for name, value in options:
        if name in _VALUES and not _VALUES[name].fullmatch(value):
            kind_of_value = "yes or no" if _VALUES[name] is _TRUTH else "a number of seconds from 0"
            raise ValueError(f"{name} must be {kind_of_value}")


def _check_client(servers: RedisServers) -> None:
    """Create a connection without connecting it, which parses the options and loads the TLS files."""
    from redis.asyncio.connection import BlockingConnectionPool, SSLConnection
    from redis.exceptions import RedisError

    try:
        connection = BlockingConnectionPool.from_url(servers.node_url).make_connection()  # type: ignore[no-untyped-call] # redis-py's
        if isinstance(connection, SSLConnection):
            connection.ssl_context.get()
    except (ValueError, TypeError, OSError, RedisError):
        raise ValueError(f"an option after ? has an invalid value: {FORMS[servers.kind]}") from None


RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
