"""The upstreams we know, by the name that configuration gives them (`upstreams.<name>.dialect`)."""

from collections.abc import Mapping

from gateway.upstreams import halo_connect, halo_itsm, halo_sql, health_gorilla
from gateway.upstreams.dialect import Dialect

_BEARER = frozenset({"authorization"})
_KEY = 'AzureApiManagementKey realm="fhir", name="Ocp-Apim-Subscription-Key", type="header"'

DIALECTS: Mapping[str, Dialect] = {
    each.name: each
    for each in (
        Dialect("halo-connect", halo_connect.ROWS, challenge=_KEY),
        Dialect("halo-sql", halo_sql.ROWS, fhir=False, challenge=_KEY),
        Dialect("health-gorilla", health_gorilla.ROWS, credentials=_BEARER, largest_page=100),
        Dialect(
            "halo-itsm", halo_itsm.ROWS, fhir=False, challenge='Bearer realm="halo-itsm"', credentials=_BEARER
        ),
    )
}
