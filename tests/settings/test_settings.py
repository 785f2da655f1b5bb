"""Where the configuration comes from, and what is said when it is wrong."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.cli.documentation import effective_configuration
from gateway.settings import ConfigurationError, Settings, load

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
SECRET = "correct-horse-battery-staple"  # noqa: S105 - synthetic


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "gateway.toml"
    file.write_text(text)
    return load(file)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as found:
        loaded(folder, text)
    return str(found.value).splitlines()


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = load()
    assert str(settings.upstream.url) == "https://api.haloconnect.io/"
    assert (settings.upstream.timeouts.read, settings.server.trusted_proxies) == (35, ())
    assert settings.model_dump() == Settings().model_dump()


def test_a_toml_file_sets_every_section(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"""
        repairs = {{ link-base-url = false }}
        [server]
        public_url = "https://fhir.example.com.au"
        trusted_proxies = ["10.0.0.0/8"]
        [upstream.timeouts]
        connect = 2
        [sites.default]
        time_zone = "Australia/Brisbane"
        [sites.{GUID}]
        name = "harbour"
        """,
    )
    assert str(settings.server.public_url) == "https://fhir.example.com.au/"
    assert settings.upstream.timeouts.connect == 2
    assert settings.upstream.timeouts.read == 35
    assert settings.repairs == {"link-base-url": False}
    assert settings.sites[GUID].name == "harbour"


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_UPSTREAM__TIMEOUTS__CONNECT", "3")
    monkeypatch.setenv("HALO_GATEWAY_SITES__DEFAULT__TIME_ZONE", "Australia/Perth")
    settings = loaded(
        tmp_path,
        """
        [upstream.timeouts]
        connect = 2
        read = 40
        [sites.default]
        time_zone = "Australia/Brisbane"
        """,
    )
    assert (settings.upstream.timeouts.connect, settings.upstream.timeouts.read) == (3, 40)
    assert settings.sites["default"].time_zone == "Australia/Perth"


def test_one_site_can_be_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__TIME_ZONE", "Australia/Perth")
    assert load().sites[GUID].time_zone == "Australia/Perth"


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SERVER__TRUSTED_PROXIES", '["10.0.0.0/8", "::1/128"]')
    assert [str(each) for each in load().server.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_all_problems_are_reported_at_once_by_the_settings_names(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"""
        [server]
        trusted_proxies = ["not-a-network"]
        [upstream]
        url = "nonsense"
        max_connections = 0
        [upstream.timeouts]
        read = -1
        [sites.default]
        time_zone = "Australia/Atlantis"
        [sites.{GUID}.repairs]
        no-such-repair = false
        [log]
        level = "loud"
        """,
    )
    for name in (
        "server.trusted_proxies",
        "upstream.url",
        "upstream.max_connections",
        "upstream.timeouts.read",
        "sites.default.time_zone",
        f"sites.{GUID}.repairs",
        "log.level",
    ):
        assert any(line.startswith(name) for line in found), f"{name} is not in {found}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[server]\nprot = 1", "server.prot"),
        ("[upstream.timeout]\nread = 1", "upstream.timeout"),
        ("nonsense = 1", "nonsense"),
        ("[sites.default]\ntimezone = 'Australia/Perth'", "sites.default.timezone"),
        ("[sites.harbour]\ntime_zone = 'Australia/Perth'", "sites.harbour"),
        ("[repairs]\nlink-base = false", "repairs"),
    ],
)
def test_what_no_setting_is_called_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    assert any(line.startswith(named) for line in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        (
            "HALO_GATEWAY_UPSTREAM__TIMEOUTS__CONECT",
            "1",
            "did you mean halo_gateway_upstream__timeouts__connect?",
        ),
        ("HALO_GATEWAY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8", "server.trusted_proxies"),
        ("HALO_GATEWAY_UPSTREM__URL", "http://127.0.0.1:1", "upstrem"),
        ("HALO_GATEWAY_SITES__DEFAULT__TIME_ZONE", "Australia/Atlantis", "sites.default.time_zone"),
    ],
)
def test_a_slip_in_the_environment_is_refused_too(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as found:
        load()
    assert named in str(found.value).lower()


#: What Kubernetes makes in a pod beside the Services halo-gateway and halo-gateway-redis.
SERVICES = {
    "HALO_GATEWAY_SERVICE_HOST": "10.96.0.7",
    "HALO_GATEWAY_SERVICE_PORT": "8080",
    "HALO_GATEWAY_SERVICE_PORT_HTTP": "8080",
    "HALO_GATEWAY_PORT": "tcp://10.96.0.7:8080",
    "HALO_GATEWAY_PORT_8080_TCP": "tcp://10.96.0.7:8080",
    "HALO_GATEWAY_PORT_8080_TCP_PROTO": "tcp",
    "HALO_GATEWAY_PORT_8080_TCP_PORT": "8080",
    "HALO_GATEWAY_PORT_8080_TCP_ADDR": "10.96.0.7",
    "HALO_GATEWAY_REDIS_SERVICE_HOST": "10.96.0.8",
    "HALO_GATEWAY_REDIS_PORT": "tcp://10.96.0.8:6379",
    "HALO_GATEWAY_NAME": "/web/halo-gateway",
    "HALO_GATEWAY_ENV_LOG__LEVEL": "debug",
}


def test_services_beside_the_gateway_neither_stop_nor_set_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES.items():
        monkeypatch.setenv(name, value)
    assert load().model_dump() == Settings().model_dump()
    monkeypatch.setenv("HALO_GATEWAY_SERVER_PORT", "9000")
    with pytest.raises(ConfigurationError) as found:
        load()
    assert str(found.value).startswith("HALO_GATEWAY_SERVER_PORT: no such setting. That is an option")
    assert len(str(found.value).splitlines()) == 1


def test_empty_variable_counts_as_not_set_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE__REDIS__URL", "CACHE__REDIS__URLS", "FOO", "PORT"):
        monkeypatch.setenv(f"HALO_GATEWAY_{name}", "")
    assert load().model_dump() == Settings().model_dump()
    monkeypatch.setenv("HALO_GATEWAY_CACHE__REDIS__URLS", "x")
    with pytest.raises(ConfigurationError, match=r"Did you mean HALO_GATEWAY_CACHE__REDIS__URL\?"):
        load()


def test_variables_of_commands_are_right_names_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CONFIGG", "x")
    monkeypatch.setenv("HALO_GATEWAY_PROBE_KEYS", "Zzyzx")
    with pytest.raises(ConfigurationError) as found:
        load()
    assert "Did you mean HALO_GATEWAY_CONFIG?" in str(found.value)
    assert "Did you mean HALO_GATEWAY_PROBE_KEY?" in str(found.value)
    assert "Zzyzx" not in str(found.value)


def test_slips_in_file_and_environment_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SERVER_DEFAULT_SITE", "x")
    monkeypatch.setenv("HALO_GATEWAY_LOG__LEVEL", "loud")
    monkeypatch.setenv("HALO_GATEWAY_LEDGER", '{"pth": "x"}')
    assert problems(tmp_path, "[sever]\npublic_url = 'x'\n[upstream]\nca_file = '/nonexistent'") == [
        "HALO_GATEWAY_SERVER_DEFAULT_SITE: no such setting. Did you mean HALO_GATEWAY_SERVER__DEFAULT_SITE?",
        "upstream.ca_file: cannot be read: /nonexistent: No such file or directory",
        "ledger.pth: no such setting. Did you mean ledger.path?",
        "log.level: must be 'debug', 'info', 'warning' or 'error'",
        "sever: no such setting. Did you mean server?",
    ]


def test_a_guid_may_be_in_upper_case(tmp_path: Path) -> None:
    text = f"[server]\ndefault_site = '{GUID.upper()}'\n[sites.{GUID.upper()}]\ntime_zone = 'Australia/Perth'"
    found = loaded(tmp_path, text)
    assert (found.server.default_site, list(found.sites)) == (GUID, [GUID])


def test_the_variable_that_names_the_file_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CONFIG", "/etc/gateway.toml")
    assert load().model_dump() == Settings().model_dump()


def test_a_file_that_is_not_there_or_no_toml_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match=r"gateway\.toml"):
        loaded(tmp_path, "[server\n")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "--config: names no file"),
        ("/", "--config: cannot read /: Is a directory"),
        ("/dev/null/x", "--config: cannot read /dev/null/x: Not a directory"),
        (f"/{'x' * 999}", f"--config: cannot read /{'x' * 119}…: File name too long"),
    ],
)
def test_path_that_cannot_be_read_is_one_line(path: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        load(Path(path))
    assert str(found.value) == said


def test_anything_that_can_be_read_is_a_file() -> None:
    assert load(Path("/dev/null")).model_dump() == Settings().model_dump()


def test_windows_file_is_read(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff[log]\r\nlevel = 'debug'\r\n").log.level == "debug"


def test_setting_given_twice_is_refused_by_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", "Australia/Perth")
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__TIME_ZONE", "Australia/Sydney")
    with pytest.raises(ConfigurationError, match=f"^given twice: .*{GUID.upper()}.* and .*{GUID}") as found:
        load()
    assert "Australia" not in str(found.value)


def test_table_given_in_two_cases_is_refused(tmp_path: Path) -> None:
    zones = "[Sites.default]\ntime_zone='Australia/Perth'\n[sites.default]\ntime_zone='Australia/Sydney'"
    assert problems(tmp_path, zones) == ["Sites: no such setting. Did you mean sites?"]


def test_json_of_all_sites_needs_no_name_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"time_zone": "Australia/Perth"}}}}')
    assert load().sites[GUID].time_zone == "Australia/Perth"


@pytest.mark.parametrize("text", [f"a = {'[' * 5_000}", f"a{'.a' * 5_000} = 1", f"repairs{'.a' * 5_000} = 1"])
def test_depth_without_end_is_a_problem_and_no_traceback(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_secrets_never_show(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f"[paging]\nkeys = ['{SECRET}']")
    assert settings.paging.keys[0].get_secret_value() == SECRET
    for shown in (
        repr(settings),
        str(settings),
        effective_configuration(settings),
        settings.model_dump_json(),
    ):
        assert SECRET not in shown


def test_a_secret_in_the_wrong_place_does_not_show_in_the_problem(tmp_path: Path) -> None:
    for text in (f"[paging]\nkeys = '{SECRET}'", f"[paging]\nkey = ['{SECRET}']", f"paging = '{SECRET}'"):
        assert SECRET not in "\n".join(problems(tmp_path, text))


def test_a_secret_does_not_show_when_the_environment_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_PAGING__KEYS", SECRET)
    with pytest.raises(ConfigurationError) as found:
        load()
    assert "paging" in str(found.value)
    assert SECRET not in str(found.value)


def test_nothing_changes_after_reading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().server = Settings().server  # type: ignore[misc] # that it is refused is the point


_GORILLA = """
[upstreams.gorilla]
url = "https://api.healthgorilla.example/fhir/R4"
dialect = "health-gorilla"
path = "/hg"
"""


def test_further_upstreams_stand_beside_the_default_one(tmp_path: Path) -> None:
    found = loaded(tmp_path, _GORILLA)
    assert str(found.upstream.url) == "https://api.haloconnect.io/"
    gorilla = found.upstreams["gorilla"]
    assert (gorilla.dialect, gorilla.path, gorilla.timeouts.read) == ("health-gorilla", "/hg", 35.0)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            _GORILLA.replace("/hg", "/integrator"),
            "upstreams.gorilla.path: the gateway itself serves this path",
        ),
        (_GORILLA.replace("/hg", "hg"), "upstreams.gorilla.path: is not written as it must be"),
        (_GORILLA.replace("/hg", "/a/b"), "upstreams.gorilla.path: is not written as it must be"),
        (_GORILLA.replace("health-gorilla", "epic"), "upstreams.gorilla.dialect: must be"),
        (_GORILLA + _GORILLA.replace("gorilla]", "second]"), "upstreams: two upstreams share a path: /hg"),
        ("[upstreams.x]\npath = '/x'", "upstreams.x.url: is required"),
        ("[errors]\nupstream_text = 'some'", "errors.upstream_text: must be"),
    ],
)
def test_a_further_upstream_that_cannot_be_is_named(tmp_path: Path, changed: str, problem: str) -> None:
    assert any(each.startswith(problem) for each in problems(tmp_path, changed))


def test_a_ledger_for_replicas_needs_a_redis() -> None:
    with pytest.raises(ValidationError, match=r"needs cache\.redis\.url"):
        Settings.model_validate({"ledger": {"store": "redis"}})
