"""Redis servers of a URL: one, those that Sentinels name, or the nodes of a Cluster."""

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

Kind = Literal["single", "sentinel", "cluster"]

#: Scheme of a URL: kind, and the scheme of redis-py for one of its servers.
SCHEMES: Final[dict[str, tuple[Kind, str]]] = {
    "redis": ("single", "redis"),
    "rediss": ("single", "rediss"),
    "unix": ("single", "unix"),
    "redis+sentinel": ("sentinel", "redis"),
    "rediss+sentinel": ("sentinel", "rediss"),
    "redis+cluster": ("cluster", "redis"),
    "rediss+cluster": ("cluster", "rediss"),
}
#: How to write each kind of URL.
FORMS: Final[dict[Kind, str]] = {
    "single": "write redis://:password@host:6379/0, or rediss:// for TLS",
    "sentinel": "write redis+sentinel://:password@host:26379,host2:26379/mymaster/0,"
    " or rediss+sentinel:// for TLS",
    "cluster": "write redis+cluster://:password@host:7001,host2:7002, or rediss+cluster:// for TLS",
}
#: Login of the Sentinels, if it differs from none; that of Redis is before the @.
SENTINEL_LOGIN: Final = frozenset({"sentinel_username", "sentinel_password"})
_PORTS: Final[dict[Kind, int]] = {"sentinel": 26_379, "cluster": 6_379}
_URL: Final = re.compile(
    r"[a-z+]+://(?P<login>[^@/?#]*@)?(?P<hosts>[^@/?#]+)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_SERVICE_PATH: Final = re.compile(r"/(?P<service>[A-Za-z0-9._-]+)(?:/(?P<db>[0-9]{0,4}))?")
_CLUSTER_PATH: Final = re.compile(r"(?:/0?)?")


class RedisServers(NamedTuple):
    """Servers of one URL.

    `node_url`: URL of one server, as redis-py reads it. `addresses`: Sentinels or nodes; of a single server
    none. `service`: name of the master among Sentinels. `sentinel_login`: user name and password there.
    """

    kind: Kind
    node_url: str
    addresses: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_login: tuple[tuple[str, str], ...] = ()


def kind_of(url: str) -> Kind:
    """Kind of a URL by its scheme; `single` for an unknown one."""
    return SCHEMES.get(url.partition("://")[0], ("single", ""))[0]


def parse_redis_url(url: str) -> RedisServers:
    """Parse a URL. Raises ValueError, whose message shows no part of it: it may contain a password."""
    kind = kind_of(url)
    if kind == "single":
        return RedisServers(kind, url)
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(_fault(kind, "and percent-encode / # ? @ and % in the password"))
    addresses = tuple(_address(host, kind) for host in match["hosts"].split(","))
    service, database = _service_and_database(match["path"] or "", kind)
    options = parse_qsl(match["query"] or "", keep_blank_values=True)
    login = tuple((name, value) for name, value in options if name in SENTINEL_LOGIN)
    query = urlencode([option for option in options if option not in login])
    host, port = addresses[0]
    node = (
        f"{SCHEMES[url.partition('://')[0]][1]}://{match['login'] or ''}{_url_host(host)}:{port}/{database}"
    )
    return RedisServers(kind, f"{node}?{query}" if query else node, addresses, service, login)


def _address(text: str, kind: Kind) -> tuple[str, int]:
    """Host and port. Raises ValueError."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        host, port = "", 0
    if not host or port == 0 or not text.isprintable() or " " in text:
        raise ValueError(_fault(kind, "with a host and a port from 1 to 65535 between two commas"))
    return host, port or _PORTS[kind]


def _service_and_database(path: str, kind: Kind) -> tuple[str, str]:
    """Name of the Sentinels' service and number of the database, empty in a Cluster. Raises ValueError."""
    if kind == "cluster":
        if not _CLUSTER_PATH.fullmatch(path):
            raise ValueError(_fault(kind, "and nothing after the hosts: a Cluster has one database"))
        return "", ""
    match = _SERVICE_PATH.fullmatch(path)
    if match is None:
        raise ValueError(
            _fault(kind, "with the name that the Sentinels have for the master, then its database")
        )
    return match["service"], match["db"] or "0"


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _fault(kind: Kind, rule: str) -> str:
    return f"must be a Redis URL: {FORMS[kind]}, {rule}"
