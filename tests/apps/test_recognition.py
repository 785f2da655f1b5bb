"""Recognition of apps by header, User-Agent and network."""

from time import process_time

import pytest

from gateway.apps.app import App
from gateway.apps.recognition import APP_HEADER, NO_APPS, AppDirectory, UserAgentPattern
from gateway.http.callers import fingerprint
from gateway.http.headers import SENT_HEADERS
from gateway.http.proved_callers import caller_at_upstream
from gateway.settings.apps import App as AppSettings

KEY = (("ocp-apim-subscription-key", "demo"),)
OTHER_KEY = (("ocp-apim-subscription-key", "foreign"),)
OWN = [fingerprint(KEY)]


def directory(**apps: dict[str, object]) -> AppDirectory:
    return AppDirectory({name: AppSettings.model_validate(fields) for name, fields in apps.items()})


def app_of(
    apps: AppDirectory, *fields: tuple[str, str], key: tuple[tuple[str, str], ...] = KEY, address: str = ""
) -> str:
    headers = (*key, *fields)
    return apps.app_of(headers, address, caller_at_upstream("https://halo.example/x", headers))


def test_nothing_configured_names_no_app() -> None:
    assert app_of(NO_APPS, ("gateway-app", "board")) == ""
    assert not NO_APPS.is_batch("")


@pytest.mark.parametrize(
    ("named", "key", "app"),
    [
        (("board",), KEY, "board"),
        (("board",), OTHER_KEY, "other"),
        (("unheard-of",), KEY, "other"),
        (("BOARD",), KEY, "other"),
        (("board", "board"), KEY, "other"),
        (("board",), (), "other"),
        ((), KEY, "other"),
    ],
)
def test_header_counts_once_and_from_listed_callers(
    named: tuple[str, ...], key: tuple[tuple[str, str], ...], app: str
) -> None:
    apps = directory(board={"callers": OWN})
    assert app_of(apps, *(("gateway-app", name) for name in named), key=key) == app


def test_header_without_listed_callers_is_ignored() -> None:
    apps = directory(board={"user_agent": "Board/*"})
    assert app_of(apps, ("gateway-app", "board")) == "other"
    assert app_of(apps, ("gateway-app", "x"), ("user-agent", "Board/2")) == "board"


def test_listed_callers_limit_user_agent_and_network() -> None:
    apps = directory(board={"callers": OWN, "user_agent": "Board/*", "networks": ["10.1.0.0/16"]})
    assert app_of(apps, ("user-agent", "Board/2")) == "board"
    assert app_of(apps, ("user-agent", "Board/2"), key=OTHER_KEY) == "other"
    assert app_of(apps, address="10.1.2.3") == "board"
    assert app_of(apps, address="10.1.2.3", key=OTHER_KEY) == "other"
    assert app_of(apps, address="10.2.2.3") == "other"


def test_network_of_ipv6_clients_contains_their_64() -> None:
    apps = directory(board={"networks": ["2001:db8:1::/48"]})
    assert app_of(apps, address="2001:db8:1:2::/64") == "board"
    assert app_of(apps, address="2001:db8:2:2::/64") == "other"
    assert app_of(apps, address="10.1.2.3") == "other"


def test_first_app_in_order_fits() -> None:
    apps = directory(narrow={"user_agent": "Board/2*"}, wide={"user_agent": "Board*"})
    assert [app_of(apps, ("user-agent", agent)) for agent in ("Board/2.1", "Board/1")] == ["narrow", "wide"]


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("Board", "Board", True),
        ("Board", "Board/1", False),
        ("Board/*", "Board/", True),
        ("*Board", "My Board", True),
        ("*Board", "Boards", False),
        ("a*b*a", "aba", True),
        ("a*b*a", "aa", False),
        ("ab*ba", "aba", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("a.c", "abc", False),
        ("*ab*ab*", "xabyabz", True),
        ("*ab*ab*", "xabz", False),
    ],
)
def test_pattern_fits_whole_user_agent(pattern: str, text: str, is_match: bool) -> None:
    assert UserAgentPattern(pattern).matches(text) is is_match


def test_pattern_with_many_stars_is_linear() -> None:
    started_at = process_time()
    assert not UserAgentPattern("*a" * 90 + "b*").matches("a" * 100_000)
    assert process_time() - started_at < 1


def test_remembered_requests_are_bounded() -> None:
    apps = directory(board={"user_agent": "Board/*"})
    for number in range(3_000):
        assert app_of(apps, ("user-agent", f"Board/{number}")) == "board"
    app_of(apps, ("user-agent", "Board/" + "x" * 10_000))
    assert len(apps._names) <= 1_000
    assert all(len(request.user_agent) < 600 for request in apps._names)


def test_header_is_not_sent_upstream() -> None:
    assert APP_HEADER not in SENT_HEADERS


def test_app_has_purpose_and_ages_of_its_settings() -> None:
    apps = directory(
        board={"user_agent": "B", "purpose": "display", "freshness": {"Appointment": 10}, "batch": True}
    )
    assert apps.apps["board"] == App("board", "display", {"Appointment": 10}, is_batch=True)
    assert apps.is_batch("board")
    assert not apps.is_batch("other")
