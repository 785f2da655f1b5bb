"""Pause rules and scope keys."""

from typing import get_args

import pytest
from support.requests import GUID, fhir_request, sql_request

from gateway.errors.failure import Failure, FailureKind
from gateway.resilience.pause_rules import (
    RULES,
    PauseRule,
    Scope,
    caller_of,
    keyed_fingerprint,
    matching_rule,
    scope_keys,
    site_of,
)
from gateway.upstreams import failures, halo_failures

KEY = (("ocp-apim-subscription-key", "k-secret-1"),)


def failure(kind: FailureKind, message: str = "") -> Failure:
    return Failure(kind, own_words=message)


@pytest.mark.parametrize(
    ("kind", "message", "rule_id"),
    [
        (
            halo_failures.IP_BLOCKED,
            "Caller IP address 203.0.113.9 is not allowed. Access denied.",
            "caller-ip",
        ),
        (halo_failures.GATEWAY_IP_BLOCKED, "CallerIpNotAllowed", "caller-ip"),
        (failures.CREDENTIALS_INVALID, "Access denied due to invalid subscription key.", "invalid-key"),
        (failures.CREDENTIALS_INVALID, "SubscriptionKeyInvalid", "invalid-key"),
        (failures.CREDENTIALS_INVALID, "Session has expired", None),
        (
            halo_failures.QUOTA_EXHAUSTED,
            "Out of call volume quota. Quota will be replenished in 05:12:33.",
            "quota",
        ),
        (halo_failures.NOT_AUTHORISED, "Login failed for user 'HaloIntegrator'.", "login-failed"),
        (halo_failures.NOT_AUTHORITATIVE, "The site is not authoritative.", "guid-changed"),
        (halo_failures.REQUEST_REFUSED, "The provider is away on that date.", "away"),
        (failures.SERVER_ERROR, "Dr Example is AWAY for all of that date", "away"),
        (failures.BAD_REQUEST, "Take it away. Some other day.", None),
        (failures.NOT_FOUND, "", None),
    ],
)
def test_message_matches_its_rule(kind: FailureKind, message: str, rule_id: str | None) -> None:
    rule = matching_rule(RULES, failure(kind, message))
    assert (rule.id if rule else None) == rule_id


def test_error_of_a_clients_sql_pauses_nothing() -> None:
    own = PauseRule("any", "site", 60)
    refused = Failure(halo_failures.NOT_AUTHORISED, own_words="Login failed", by_clients_sql=True)
    assert matching_rule((own, *RULES), refused) is None


def test_rule_of_the_operator_comes_first() -> None:
    own = PauseRule("closed", "site", 60, message_pattern="closed for renovation")
    assert matching_rule((own, *RULES), failure(failures.SERVER_ERROR, "Closed for renovation")) is own
    assert matching_rule((own,), Failure(failures.SERVER_ERROR)) is None


def test_scope_keys_contain_neither_credentials_nor_practitioners() -> None:
    request = fhir_request(
        "Appointment", "practitioner=Practitioner/zz-77&date=ge2026-04-05&status=booked", headers=KEY
    )
    keys = scope_keys(request, b"secret")
    assert keys["gateway"] == "gateway:api.haloconnect.io"
    assert keys["site"] == f"site:{GUID}"
    assert set(keys) == {*get_args(Scope), "caller-practitioner"}
    assert not any(value in "".join(keys.values()) for value in ("zz-77", "secret", "2026"))


def practitioner_key(query: str, path: str = "Appointment") -> str | None:
    return scope_keys(fhir_request(path, query, headers=KEY), b"secret").get("practitioner")


def test_equivalent_searches_have_the_same_practitioner_key() -> None:
    key = practitioner_key("practitioner=Practitioner/7&date=2026-04-05")
    assert key == practitioner_key("date=2026-04-05&actor=7&_count=10")
    assert key != practitioner_key("practitioner=7&date=2026-04-06")
    assert key != practitioner_key("practitioner=8&date=2026-04-05")
    assert practitioner_key("practitioner=7") is None
    assert practitioner_key("date=2026-04-05") is None
    assert practitioner_key("schedule=7&start=2026-04-05T09:00:00Z", "Slot") is not None


def test_request_without_credentials_has_no_caller_key() -> None:
    assert "caller" not in scope_keys(fhir_request(), b"")
    assert scope_keys(fhir_request(headers=KEY), b"a") != scope_keys(fhir_request(headers=KEY), b"b")


def test_scope_key_contains_site_and_caller() -> None:
    request = fhir_request("Appointment", "practitioner=7&date=2026-04-05", headers=KEY)
    keys = scope_keys(request, b"secret")
    sites = {scope: site_of(key) for scope, key in keys.items()}
    assert sites == dict.fromkeys(keys, GUID) | {"gateway": "", "caller": ""}
    callers = {scope: caller_of(key) for scope, key in keys.items() if caller_of(key)}
    assert callers == dict.fromkeys(
        ("caller", "caller-at-site", "caller-practitioner"), keyed_fingerprint(request.headers, b"secret")
    )


def test_poll_belongs_to_no_scope_of_the_practice() -> None:
    headers = (("ocp-apim-subscription-key", "k"),)
    assert set(scope_keys(sql_request("status", headers=headers), b"")) == {"gateway", "caller"}
    submission = scope_keys(sql_request(headers=headers), b"")
    assert set(submission) == {"gateway", "caller", "site", "caller-at-site"}


@pytest.mark.parametrize("name", ["rate-limit:abc", "rate-limit:abc:Patient"])
def test_caller_of_a_blocked_key_comes_before_its_endpoint(name: str) -> None:
    assert (caller_of(name), site_of(name)) == ("abc", "")
