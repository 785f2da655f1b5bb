"""Any FHIR R4 server without errors of its own: its known issues come from quirk packs and plugins."""

from gateway.upstreams.dialect import Dialect

FHIR_SERVER = Dialect("fhir", (), product="FHIR server")
