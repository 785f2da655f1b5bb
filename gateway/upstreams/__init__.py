"""The upstreams we know, by the name that configuration gives them (`upstreams.<name>.dialect`)."""

from collections.abc import Mapping

from gateway.upstreams import halo_connect, halo_itsm, halo_sql, health_gorilla
from gateway.upstreams.dialect import Dialect

_BEARER_HEADERS = frozenset({"authorization"})
_KEY_CHALLENGE = 'AzureApiManagementKey realm="fhir", name="Ocp-Apim-Subscription-Key", type="header"'

DIALECTS: Mapping[str, Dialect] = {
    each.name: each
    for each in (
        Dialect("halo-connect", halo_connect.RULES, challenge=_KEY_CHALLENGE),
        Dialect("halo-sql", halo_sql.RULES, is_fhir=False, challenge=_KEY_CHALLENGE),
        Dialect("health-gorilla", health_gorilla.RULES, credentials=_BEARER_HEADERS, max_page_size=100),
        Dialect(
            "halo-itsm",
            halo_itsm.RULES,
            is_fhir=False,
            challenge='Bearer realm="halo-itsm"',
            credentials=_BEARER_HEADERS,
        ),
    )
}
