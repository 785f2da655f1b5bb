"""What plugins may import: repairs, dialects and failures. See docs/plugins.md."""

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.bundle import Entry, Link
from gateway.fhir.interaction import Interaction, interaction_for
from gateway.fhir.raw_json import array_items, encode, object_fields, string_json, string_value
from gateway.fhir.resource_edit import with_text_field
from gateway.fhir.search_params import Parameter, SearchParams, encode_parameter, parse_search
from gateway.plugins.api import API_VERSION
from gateway.repairs.repair import Fields, KnownIssue, Links, Repair
from gateway.repairs.witness import UpstreamAnswer, Witness
from gateway.sites.issue_states import Verdict
from gateway.upstreams import failures
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.limits import RateWindow, UpstreamLimits

__all__ = [
    "API_VERSION",
    "CredentialScheme",
    "Dialect",
    "Entry",
    "ErrorRule",
    "Failure",
    "FailureKind",
    "FhirRequest",
    "FhirResponse",
    "Fields",
    "Headers",
    "Interaction",
    "KnownIssue",
    "Link",
    "Links",
    "Parameter",
    "RateWindow",
    "Repair",
    "RetryAdvice",
    "SearchParams",
    "UpstreamAnswer",
    "UpstreamLimits",
    "Verdict",
    "Witness",
    "array_items",
    "encode",
    "encode_parameter",
    "failures",
    "interaction_for",
    "object_fields",
    "parse_search",
    "string_json",
    "string_value",
    "with_text_field",
]
