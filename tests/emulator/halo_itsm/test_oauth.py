import pytest
from emulator.halo_itsm.itsm_client import FORM, ItsmClient


def test_authinfo_names_the_host_of_the_client(itsm: ItsmClient) -> None:
    del itsm.http.headers["authorization"]
    info = itsm.json("/api/authinfo")
    assert info == {"auth_url": f"{itsm.emulator.url}/auth", "tenant_id": "demo"}


def test_token_has_documented_fields(itsm: ItsmClient) -> None:
    response = itsm.send("/auth/token?tenant=demo", "POST", data=FORM | {"scope": "read:tickets all"})
    token = response.json()
    assert token.pop("access_token")
    assert token == {"token_type": "Bearer", "expires_in": 3_600, "scope": "read:tickets all"}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
    ],
)
def test_refused_token_request_names_the_error(
    itsm: ItsmClient, change: dict[str, str], status: int, code: str
) -> None:
    response = itsm.send("/auth/token", "POST", data=FORM | change)
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert response.json()["error_description"]


def test_unknown_tenant_is_an_exception(itsm: ItsmClient) -> None:
    response = itsm.send("/auth/token?tenant=nobody", "POST", data=FORM)
    assert (response.status_code, response.json()["ClassName"]) == (500, "System.Exception")


def test_scope_permits_reading_or_writing(itsm: ItsmClient) -> None:
    itsm.use_token(scope="read:tickets edit:client")
    assert itsm.send("/api/tickets").status_code == 200
    assert itsm.save("/api/tickets", {"summary": "a"}).status_code == 403
    assert itsm.send("/api/agent").status_code == 403
    assert itsm.send("/api/client").status_code == 200
    assert itsm.save("/api/client", {"name": "Practice 99"}).status_code == 201
