"""Loading of the configuration, and its errors."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.cli.documentation import effective_configuration
from gateway.settings import ConfigurationError, Settings, load

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def load_text(folder: Path, text: str) -> Settings:
    file = folder / "gateway.toml"
    file.write_text(text)
    return load(file)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        load_text(folder, text)
    return str(error.value).splitlines()


def test_without_file_and_environment_defaults_apply() -> None:
    settings = load()
    assert str(settings.upstream.url) == "https://api.haloconnect.io/"
    assert (settings.upstream.timeouts.read, settings.server.trusted_proxies) == (35, ())
    assert settings.model_dump() == Settings().model_dump()


def test_toml_file_sets_values(tmp_path: Path) -> None:
    settings = load_text(
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


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_UPSTREAM__TIMEOUTS__CONNECT", "3")
    monkeypatch.setenv("HALO_GATEWAY_SITES__DEFAULT__TIME_ZONE", "Australia/Perth")
    settings = load_text(
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


def test_variable_sets_one_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__TIME_ZONE", "Australia/Perth")
    assert load().sites[GUID].time_zone == "Australia/Perth"


def test_list_in_a_variable_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SERVER__TRUSTED_PROXIES", '["10.0.0.0/8", "::1/128"]')
    assert [str(network) for network in load().server.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_all_problems_are_reported_with_their_settings(tmp_path: Path) -> None:
    lines = problems(
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
        assert any(line.startswith(name) for line in lines), f"{name} is not in {lines}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[server]\nprot = 1", "server.prot"),
        ("[upstream.timeout]\nread = 1", "upstream.timeout"),
        ("nonsense = 1", "nonsense"),
        ("[sites.default]\ntimezone = 'Australia/Perth'", "sites.default.timezone"),
        ("[sites.harbour]\ntime_zone = 'Australia/Perth'", "sites.harbour"),
        ("[repairs]\nlink-base = false", "repairs"),
    ],
)
def test_unknown_name_is_rejected(tmp_path: Path, text: str, name: str) -> None:
    assert any(line.startswith(name) for line in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "HALO_GATEWAY_UPSTREAM__TIMEOUTS__CONECT",
            "1",
            "did you mean halo_gateway_upstream__timeouts__connect?",
        ),
        (
            "HALO_GATEWAY_SERVER__TRUSTED_PROXIES",
            "10.0.0.0/8",
            "halo_gateway_server__trusted_proxies: must be a list",
        ),
        ("HALO_GATEWAY_UPSTREM__URL", "http://127.0.0.1:1", "upstrem"),
        (
            "HALO_GATEWAY_SITES__DEFAULT__TIME_ZONE",
            "Australia/Atlantis",
            "halo_gateway_sites__default__time_zone: unknown",
        ),
    ],
)
def test_problem_in_the_environment_is_rejected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as error:
        load()
    assert message in str(error.value).lower()


#: Set by Kubernetes in a pod next to the Services halo-gateway and halo-gateway-redis.
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


def test_variables_of_platforms_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES.items():
        monkeypatch.setenv(name, value)
    assert load().model_dump() == Settings().model_dump()
    monkeypatch.setenv("HALO_GATEWAY_SERVER_PORT", "9000")
    with pytest.raises(ConfigurationError) as error:
        load()
    assert str(error.value).startswith("HALO_GATEWAY_SERVER_PORT: no such setting. That is an option")
    assert len(str(error.value).splitlines()) == 1


def test_empty_variable_of_any_name_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE__REDIS__URL", "CACHE__REDIS__URLS", "FOO", "PORT"):
        monkeypatch.setenv(f"HALO_GATEWAY_{name}", "")
    assert load().model_dump() == Settings().model_dump()
    monkeypatch.setenv("HALO_GATEWAY_CACHE__REDIS__URLS", "x")
    with pytest.raises(ConfigurationError, match=r"Did you mean HALO_GATEWAY_CACHE__REDIS__URL\?"):
        load()


def test_misspelt_command_variable_has_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CONFIGG", "x")
    monkeypatch.setenv("HALO_GATEWAY_PROBE_KEYS", "Zzyzx")
    with pytest.raises(ConfigurationError) as error:
        load()
    assert "Did you mean HALO_GATEWAY_CONFIG?" in str(error.value)
    assert "Did you mean HALO_GATEWAY_PROBE_KEY?" in str(error.value)
    assert "Zzyzx" not in str(error.value)


_NO_CA_FILE = (
    "upstream.ca_file: cannot be read: /nonexistent: No such file or directory; write, for example,"
    ' "/etc/ssl/certs/private-ca.pem"'
)


def test_problems_of_file_and_environment_are_reported_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SERVER_DEFAULT_SITE", "x")
    monkeypatch.setenv("HALO_GATEWAY_LOG__LEVEL", "loud")
    monkeypatch.setenv("HALO_GATEWAY_LEDGER", '{"pth": "x"}')
    assert problems(tmp_path, "[sever]\npublic_url = 'x'\n[upstream]\nca_file = '/nonexistent'") == [
        "HALO_GATEWAY_SERVER_DEFAULT_SITE: no such setting. Did you mean HALO_GATEWAY_SERVER__DEFAULT_SITE?",
        _NO_CA_FILE,
        "ledger.pth: no such setting. Did you mean ledger.path?",
        "HALO_GATEWAY_LOG__LEVEL: must be 'debug', 'info', 'warning' or 'error'; write, for example, info",
        "sever: no such setting. Did you mean server?",
    ]


def test_guid_in_upper_case_is_valid(tmp_path: Path) -> None:
    text = f"[server]\ndefault_site = '{GUID.upper()}'\n[sites.{GUID.upper()}]\ntime_zone = 'Australia/Perth'"
    settings = load_text(tmp_path, text)
    assert (settings.server.default_site, list(settings.sites)) == (GUID, [GUID])


def test_config_variable_is_not_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CONFIG", "/etc/gateway.toml")
    assert load().model_dump() == Settings().model_dump()


def test_missing_or_invalid_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match=r"gateway\.toml"):
        load_text(tmp_path, "[server\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "--config: is empty, give the path of a TOML file"),
        ("/", "--config: cannot read /: Is a directory"),
        ("/dev/null/x", "--config: cannot read /dev/null/x: Not a directory"),
        (f"/{'x' * 999}", f"--config: cannot read /{'x' * 119}…: File name too long"),
    ],
)
def test_unreadable_path_is_described_in_one_line(path: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(Path(path))
    assert str(error.value) == message


def test_device_is_read_as_a_file() -> None:
    assert load(Path("/dev/null")).model_dump() == Settings().model_dump()


def test_file_from_windows_is_read(tmp_path: Path) -> None:
    assert load_text(tmp_path, "\ufeff[log]\r\nlevel = 'debug'\r\n").log.level == "debug"


def test_setting_set_twice_is_rejected_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", "Australia/Perth")
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__TIME_ZONE", "Australia/Sydney")
    with pytest.raises(
        ConfigurationError, match=f"{GUID.upper()}.* and .*{GUID}.*: set the same setting"
    ) as error:
        load()
    assert "Australia" not in str(error.value)


def test_table_in_two_cases_is_rejected(tmp_path: Path) -> None:
    zones = "[Sites.default]\ntime_zone='Australia/Perth'\n[sites.default]\ntime_zone='Australia/Sydney'"
    assert problems(tmp_path, zones) == ["Sites: no such setting. Did you mean sites?"]


def test_json_variable_sets_all_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"time_zone": "Australia/Perth"}}}}')
    assert load().sites[GUID].time_zone == "Australia/Perth"


@pytest.mark.parametrize("text", [f"a = {'[' * 5_000}", f"a{'.a' * 5_000} = 1", f"repairs{'.a' * 5_000} = 1"])
def test_deep_nesting_is_one_problem(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = load_text(tmp_path, f"[paging]\nkeys = ['{SECRET}']")
    assert settings.paging.keys[0].get_secret_value() == SECRET
    for text in (
        repr(settings),
        str(settings),
        effective_configuration(settings),
        settings.model_dump_json(),
    ):
        assert SECRET not in text


def test_misplaced_secret_is_not_in_the_problem(tmp_path: Path) -> None:
    for text in (f"[paging]\nkeys = '{SECRET}'", f"[paging]\nkey = ['{SECRET}']", f"paging = '{SECRET}'"):
        assert SECRET not in "\n".join(problems(tmp_path, text))


def test_secret_in_an_invalid_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_PAGING__KEYS", SECRET)
    with pytest.raises(ConfigurationError) as error:
        load()
    assert "HALO_GATEWAY_PAGING__KEYS: must be a list" in str(error.value)
    assert SECRET not in str(error.value)


def test_loaded_settings_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().server = Settings().server  # type: ignore[misc] # the rejection is tested


_GORILLA = """
[upstreams.gorilla]
url = "https://api.healthgorilla.example/fhir/R4"
dialect = "health-gorilla"
path = "/hg"
"""


def test_additional_upstream_is_loaded(tmp_path: Path) -> None:
    settings = load_text(tmp_path, _GORILLA)
    assert str(settings.upstream.url) == "https://api.haloconnect.io/"
    gorilla = settings.upstreams["gorilla"]
    assert (gorilla.dialect, gorilla.path, gorilla.timeouts.read) == ("health-gorilla", "/hg", 65.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            _GORILLA.replace("/hg", "/integrator"),
            "upstreams.gorilla.path: the gateway itself serves this path",
        ),
        (_GORILLA.replace("/hg", "hg"), "upstreams.gorilla.path: has the wrong format"),
        (_GORILLA.replace("/hg", "/a/b"), "upstreams.gorilla.path: has the wrong format"),
        (_GORILLA.replace("health-gorilla", "epic"), "upstreams.gorilla.dialect: must be"),
        (_GORILLA + _GORILLA.replace("gorilla]", "second]"), "upstreams: two upstreams share a path: /hg"),
        ("[upstreams.x]\npath = '/x'", "upstreams.x.url: is required"),
        ("[errors]\nupstream_text = 'some'", "errors.upstream_text: must be"),
    ],
)
def test_invalid_additional_upstream_is_reported(tmp_path: Path, text: str, message: str) -> None:
    assert any(line.startswith(message) for line in problems(tmp_path, text))


def test_redis_ledger_without_redis_is_rejected() -> None:
    with pytest.raises(ValidationError, match=r"needs cache\.redis\.url"):
        Settings.model_validate({"ledger": {"store": "redis"}})
