import httpx
import pytest
from emulator.health_gorilla.gorilla_client import JWT_BEARER, GorillaClient, assertion


def exchange(gorilla: GorillaClient, **form: str) -> httpx.Response:
    return gorilla.http.post(f"{gorilla.emulator.url}/oauth/token", data=form)


def grant(gorilla: GorillaClient, **claims: object) -> httpx.Response:
    claims = {"audience": f"{gorilla.emulator.url}/oauth/token"} | claims
    return exchange(gorilla, grant_type=JWT_BEARER, assertion=assertion(**claims), scope="user/*.*")  # type: ignore[arg-type]


@pytest.mark.parametrize("subject", ["demo-user", "demo-client"])
def test_assertion_is_exchanged_for_a_token(gorilla: GorillaClient, subject: str) -> None:
    response = grant(gorilla, sub=subject)
    assert response.status_code == 200
    body = response.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "user/*.*")
    patients = gorilla.get("/fhir/R4/Patient", Authorization=f"Bearer {body['access_token']}")
    assert patients.status_code == 200


def test_client_credentials_take_an_assertion_too(gorilla: GorillaClient) -> None:
    response = exchange(
        gorilla,
        grant_type="client_credentials",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=assertion(f"{gorilla.emulator.url}/oauth/token"),
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("claims", "status", "error", "text"),
    [
        ({"sub": "stranger"}, 400, "invalid_grant", "Subject validation failed"),
        ({"exp": 1}, 400, "invalid_grant", "Assertion has expired"),
        ({"exp": "soon"}, 400, "invalid_grant", "Assertion has expired"),
        ({"audience": "http://gateway/labs/oauth/token"}, 400, "invalid_grant", "Audience validation failed"),
        ({"iss": "stranger"}, 401, "invalid_client", "improper client id"),
        ({"secret": "wrong"}, 401, "invalid_client", "improper client id"),
    ],
)
def test_wrong_claim_is_refused(
    gorilla: GorillaClient, claims: dict[str, object], status: int, error: str, text: str
) -> None:
    response = grant(gorilla, **claims)
    assert response.status_code == status
    assert response.json() == {"error": error, "error_description": text}


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "a.W10.c", "é.é.é"])
def test_malformed_assertion_is_refused(gorilla: GorillaClient, text: str) -> None:
    assert exchange(gorilla, grant_type=JWT_BEARER, assertion=text).status_code == 401


def test_other_grant_type_is_refused(gorilla: GorillaClient) -> None:
    assert exchange(gorilla, grant_type="password").json()["error"] == "unsupported_grant_type"


def test_token_endpoint_takes_posts_only(gorilla: GorillaClient) -> None:
    assert gorilla.get("/oauth/token").status_code == 405


def test_assertion_is_no_access_token(gorilla: GorillaClient) -> None:
    token = assertion(f"{gorilla.emulator.url}/oauth/token")
    assert gorilla.get("/fhir/R4/Patient", Authorization=f"Bearer {token}").status_code == 401


def test_setting_names_the_audience(gorilla: GorillaClient) -> None:
    gorilla.settings(audience="https://sandbox.healthgorilla.com/oauth/token")
    assert grant(gorilla).status_code == 400
    assert grant(gorilla, audience="https://sandbox.healthgorilla.com/oauth/token").status_code == 200
