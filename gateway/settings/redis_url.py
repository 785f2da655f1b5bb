"""URLs of Redis, as redis-py reads them. Messages show no part of a URL: it may contain a password."""

import re
from typing import Annotated, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, SecretStr

_REDIS_URL_FORM: Final = "write redis://:password@host:6379/0, or rediss:// for TLS"
_UNREADABLE_URL: Final = (
    f"must be a Redis URL: {_REDIS_URL_FORM}, and percent-encode / # ? @ and % in the password"
)
#: Options after `?` that an operator may set. The gateway sets timeouts and the number of connections.
_ALLOWED_OPTIONS: Final = frozenset(
    {
        "db",
        "protocol",
        "client_name",
        "health_check_interval",
        "socket_keepalive",
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_password",
        "ssl_cert_reqs",
        "ssl_check_hostname",
        "ssl_ciphers",
    }
)
_LOGIN_OPTIONS: Final = frozenset({"username", "password"})
_DATABASE_PATH: Final = re.compile(r"(?:/[0-9]{0,4})?")


def _check_redis_url(secret: SecretStr) -> SecretStr:
    """Return the URL. Raises ValueError if no client can be created from it."""
    url = secret.get_secret_value()
    try:
        parts = urlsplit(url)
        is_valid = _is_address(url, parts)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(_UNREADABLE_URL) from None
    if not is_valid:
        raise ValueError(_UNREADABLE_URL)
    _check_options(parts.scheme, options)
    _check_client(url)
    return secret


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


def _check_options(scheme: str, options: list[tuple[str, str]]) -> None:
    names = [name for name, _ in options]
    allowed = _ALLOWED_OPTIONS | _LOGIN_OPTIONS if scheme == "unix" else _ALLOWED_OPTIONS
    if scheme != "rediss":
        allowed = frozenset(name for name in allowed if not name.startswith("ssl_"))
    if len(set(names)) < len(names) or not allowed.issuperset(names):
        raise ValueError(f"only these options are allowed after ?, each once: {', '.join(sorted(allowed))}")
    if not _DATABASE_PATH.fullmatch("/" + dict(options).get("db", "0")):
        raise ValueError("db must be the number of a database")


def _check_client(url: str) -> None:
    """Create a connection without connecting it, which parses the options and loads the TLS files."""
    from redis.asyncio.connection import BlockingConnectionPool, SSLConnection
    from redis.exceptions import RedisError

    try:
        connection = BlockingConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call] # redis-py's
        if isinstance(connection, SSLConnection):
            connection.ssl_context.get()
    except (ValueError, TypeError, OSError, RedisError):
        raise ValueError(f"an option after ? has an invalid value: {_REDIS_URL_FORM}") from None


RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
