import pytest
from support.requests import GUID, fhir_request, json_response

from gateway.errors.failure import Failure, Kind
from gateway.resilience.pause_rules import RULES, Rule, caller, caller_of, found, names, scoped_to
from gateway.upstreams import failures, halo_failures

KEY = (("ocp-apim-subscription-key", "k-secret-1"),)


def failure(kind: Kind, said: str = "") -> Failure:
    return Failure(kind, received=json_response({"message": said}, kind.status))


@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        (
            halo_failures.IP_BLOCKED,
            "Caller IP address 203.0.113.9 is not allowed. Access denied.",
            "caller-ip",
        ),
        (halo_failures.OWN_IP_BLOCKED, "CallerIpNotAllowed", "caller-ip"),
        (failures.CREDENTIALS, "Access denied due to invalid subscription key.", "invalid-key"),
        (failures.CREDENTIALS, "SubscriptionKeyInvalid", "invalid-key"),
        (failures.CREDENTIALS, "Session has expired", None),
        (
            halo_failures.QUOTA,
            "Out of call volume quota. Quota will be replenished in 05:12:33.",
            "quota",
        ),
        (halo_failures.NOT_AUTHORISED, "Login failed for user 'HaloIntegrator'.", "login-failed"),
        (halo_failures.NOT_AUTHORITATIVE, "The site is not authoritative.", "guid-changed"),
        (halo_failures.REQUEST_REFUSED, "The provider is away on that date.", "away"),
        (failures.FAILED, "Dr Example is AWAY for all of that date", "away"),
        (failures.BAD_REQUEST, "Take it away. Some other day.", None),
        (failures.NOT_FOUND, "", None),
    ],
)
def test_messages_lead_to_their_rule(kind: Kind, said: str, rule: str | None) -> None:
    rules = found(RULES, failure(kind, said))
    assert (rules.id if rules else None) == rule


def test_an_operators_rule_comes_first() -> None:
    own = Rule("closed", "site", 60, says="closed for renovation")
    assert found((own, *RULES), failure(failures.FAILED, "Closed for renovation")) is own
    assert found((own,), Failure(failures.FAILED)) is None


def test_names_show_neither_keys_nor_practitioners() -> None:
    request = fhir_request(
        "Appointment", "practitioner=Practitioner/zz-77&date=ge2026-04-05&status=booked", headers=KEY
    )
    shown = names(request, b"secret")
    assert shown["gateway"] == "gateway:api.haloconnect.io"
    assert shown["site"] == f"site:{GUID}"
    assert set(shown) == {"gateway", "caller", "site", "caller-at-site", "practitioner"}
    assert not any(value in "".join(shown.values()) for value in ("zz-77", "secret", "2026"))


def practitioner(query: str, path: str = "Appointment") -> str | None:
    return names(fhir_request(path, query, headers=KEY), b"secret").get("practitioner")


def test_a_practitioner_is_paused_for_one_date_however_the_search_is_written() -> None:
    paused = practitioner("practitioner=Practitioner/7&date=2026-04-05")
    assert paused == practitioner("date=2026-04-05&actor=7&_count=10")
    assert paused != practitioner("practitioner=7&date=2026-04-06")
    assert paused != practitioner("practitioner=8&date=2026-04-05")
    assert practitioner("practitioner=7") is None
    assert practitioner("date=2026-04-05") is None
    assert practitioner("schedule=7&start=2026-04-05T09:00:00Z", "Slot") is not None


def test_without_credentials_there_is_no_caller_to_pause() -> None:
    assert "caller" not in names(fhir_request(), b"")
    assert names(fhir_request(headers=KEY), b"a") != names(fhir_request(headers=KEY), b"b")


def test_the_name_of_a_pause_says_whose_it_is() -> None:
    request = fhir_request("Appointment", "practitioner=7&date=2026-04-05", headers=KEY)
    shown = names(request, b"secret")
    sites = {scope: scoped_to(name) for scope, name in shown.items()}
    assert sites == {"gateway": "", "caller": "", "site": GUID, "caller-at-site": GUID, "practitioner": GUID}
    callers = {scope: caller_of(name) for scope, name in shown.items() if caller_of(name)}
    assert callers == dict.fromkeys(("caller", "caller-at-site"), caller(request, b"secret"))
