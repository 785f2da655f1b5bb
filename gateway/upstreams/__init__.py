"""Registry of upstreams, by the name that the setting `upstreams.<name>.dialect` uses."""

from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.upstreams.halo_itsm import HALO_ITSM
from gateway.upstreams.halo_sql import HALO_SQL
from gateway.upstreams.health_gorilla import HEALTH_GORILLA

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (HALO_CONNECT, HALO_SQL, HEALTH_GORILLA, HALO_ITSM)
}


def mountable_dialects() -> list[str]:
    """Sorted names of the dialects that operators may mount."""
    return sorted(name for name, dialect in DIALECTS.items() if dialect.is_mountable)
