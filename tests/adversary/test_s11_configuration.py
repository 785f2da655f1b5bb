"""S11: configurations that must not pass, given to real `check-config` and `serve` processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from support.environment import environment_with
from support.forked_commands import Ended, run_commands
from support.secrets import SECRET, SECRETS

#: Seconds after which a gateway that started is killed: it should have refused.
MAX_WAIT = 60
GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
#: Nothing listens here.
REDIS = "redis = {url = 'redis://127.0.0.1:9'}\n"
WORDS = "correct horse battery staple, correct horse battery staple"
HOW_TO_MAKE = "openssl rand -base64 32"


def rule(**changes: object) -> str:
    values = {"id": "x", "scope": "site", "seconds": 60, "message_pattern": "closed"} | changes
    return "[[pauses.rules]]\n" + "".join(f"{name} = {value!r}\n" for name, value in values.items())


def cache_control(toml: str) -> tuple[str, str, str]:
    return f"[cache]\nclient_cache_control = {toml}", "cache.client_cache_control", "private"


def mount(name: str, path: str) -> str:
    return f"[upstreams.{name}]\nurl = 'https://a.example'\ndialect = 'health-gorilla'\npath = '{path}'\n"


#: Configuration -> setting that the message names, and words of the message.
REFUSED = {
    "paging.keys: empty": ("[paging]\nkeys = ['']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: one character": ("[paging]\nkeys = ['a']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: one character repeated": (f"[paging]\nkeys = ['{'a' * 64}']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: 16 bytes": (f"[paging]\nkeys = ['{SECRET[:22]}']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: pattern": (f"[paging]\nkeys = ['{'0123456789abcdef' * 4}']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: words": (f"[paging]\nkeys = ['{WORDS}']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: second is short": (f"[paging]\nkeys = ['{SECRET}', 'b']", "paging.keys", HOW_TO_MAKE),
    "paging.keys: twice the same": (f"[paging]\nkeys = ['{SECRET}', '{SECRET}']", "paging.keys", "twice"),
    "cache.keys: short": ("[cache]\nkeys = ['x']\n" + REDIS, "cache.keys", HOW_TO_MAKE),
    "admin.token: words": ("[admin]\ntoken = 'synthetic-operator-token'", "admin.token", HOW_TO_MAKE),
    "admin.listen: all addresses": ("[admin]\nlisten = '0.0.0.0:0'", "admin.listen", "admin.token"),
    "admin.listen: all IPv6 addresses": ("[admin]\nlisten = '[::]:0'", "admin.listen", "admin.token"),
    "admin.listen: all, mapped": ("[admin]\nlisten = '[::ffff:0.0.0.0]:0'", "admin.listen", ""),
    "admin.listen: all, as a number": ("[admin]\nlisten = '0:0'", "admin.listen", "host"),
    "admin.listen: network": ("[admin]\nlisten = '192.0.2.1:0'", "admin.listen", "admin.token"),
    "admin.listen: name": ("[admin]\nlisten = 'operators.example:0'", "admin.listen", "admin.token"),
    "admin.hosts: with a port": ("[admin]\nhosts = ['a.example:80']", "admin.hosts", "host name"),
    "admin.listen: no host name": (f"[admin]\ntoken = '{SECRET}'\nlisten = 'a..b:1'", "admin.listen", "host"),
    "admin.hosts: every host": ("[admin]\nhosts = ['*']", "admin.hosts", "host name"),
    "cache-control: CR LF": cache_control('"private\\r\\nX-A: b"'),
    "cache-control: LF": cache_control('"private\\nX-A: b"'),
    "cache-control: NUL": cache_control('"private\\u0000"'),
    "cache-control: shared": cache_control("'public, max-age=60'"),
    "cache-control: shared age": cache_control("'private, s-maxage=9'"),
    "cache-control: empty": cache_control("''"),
    "upstream.url: password": ("[upstream]\nurl = 'https://u:Zzyzx@a.example'", "upstream.url", "password"),
    "public_url: line break": (
        '[server]\npublic_url = "https://a.example/\\r\\nX-A: b"',
        "server.public_url",
        "line breaks",
    ),
    "rule: twice": (rule() + rule(), "pauses.rules", "same id"),
    "upstreams: password": (
        "[upstreams.a]\nurl = 'https://u:Zzyzx@a.example'\ndialect = 'health-gorilla'\npath = '/a'",
        "upstreams.a.url",
        "password",
    ),
    "upstream.proxy: path": ("[upstream]\nproxy = 'http://u:Zzyzx@a.example:1/p'", "upstream.proxy", "path"),
    "redis: not a URL": (f"[cache]\nkeys = ['{SECRET}']\nredis = {{url = 'Zzyzx'}}", "cache.redis.url", ""),
    "redis: no host": (f"[cache]\nkeys = ['{SECRET}']\nredis = {{url = 'redis://'}}", "cache.redis.url", ""),
    "redis: database": (
        f"[cache]\nkeys = ['{SECRET}']\nredis = {{url = 'redis://:Zzyzx@h/x'}}",
        "cache.redis.url",
        "",
    ),
    "redis: option": (
        f"[cache]\nkeys = ['{SECRET}']\nredis = {{url = 'redis://h?socket_timeout=Zzyzx'}}",
        "cache.redis.url",
        "options",
    ),
    "redis: TLS file": (
        f"[cache]\nkeys = ['{SECRET}']\nredis = {{url = 'rediss://h?ssl_ca_certs=/Zzyzx'}}",
        "cache.redis.url",
        "",
    ),
    "redis: no keys": (f"[cache]\n{REDIS}", "cache", "cache.keys"),
    "trusted_proxies: all": ("[server]\ntrusted_proxies = ['0.0.0.0/0']", "server.trusted_proxies", "/8"),
    "trusted_proxies: all IPv6": ("[server]\ntrusted_proxies = ['::/0']", "server.trusted_proxies", "/16"),
    "trusted_proxies: halves": (
        "[server]\ntrusted_proxies = ['0.0.0.0/1', '128.0.0.0/1']",
        "server.trusted_proxies",
        "/8",
    ),
    "trusted_proxies: all, mapped": (
        "[server]\ntrusted_proxies = ['::ffff:0.0.0.0/96']",
        "server.trusted_proxies",
        "/8",
    ),
    "ledger: folder": ("[ledger]\npath = '/'", "ledger.path", "path of a file"),
    "ledger: no folder": ("[ledger]\npath = '/missing/a.db'", "ledger.path", "folder that exists"),
    "ledger: NUL": ('[ledger]\npath = "a\\u0000b"', "ledger.path", "path of a file"),
    "mount: livez": (mount("a", "/livez"), "upstreams.a.path", "itself"),
    "mount: metrics": (mount("a", "/metrics"), "upstreams.a.path", "itself"),
    "mount: admin": (mount("a", "/admin"), "upstreams.a.path", "itself"),
    "mount: integrator": (mount("a", "/integrator"), "upstreams.a.path", "itself"),
    "mount: twice": (mount("a", "/a") + mount("b", "/a"), "upstreams", "share"),
    "rule: unparsable": (rule(message_pattern="(a"), "pauses.rules", "regular expression"),
    "rule: exponential": (rule(message_pattern="(a+)+$"), "pauses.rules", "{0,60}"),
    "rule: bounded but exponential": (rule(message_pattern="(a{1,9}){1,9}b"), "pauses.rules", "{0,60}"),
    "rule: polynomial": (rule(message_pattern="a.*b.*c.*d"), "pauses.rules", "{0,60}"),
    "rule: matches everything": (rule(message_pattern="x?"), "pauses.rules", "empty"),
    "rule: for years": (rule(seconds=1e12), "pauses.rules", "at most"),
    "rule: unknown code": (rule(code="practice-ofline"), "pauses.rules", "code"),
    "rule: line break in its id": (rule(id="a\nb"), "pauses.rules", "format"),
    "number: infinite": ("[retry]\nmax_wait_seconds = inf", "retry.max_wait_seconds", "finite"),
    "number: not a number": ("[retry]\nmax_wait_seconds = nan", "retry.max_wait_seconds", "finite"),
    "number: negative": ("[upstream.timeouts]\nread = -1", "upstream.timeouts.read", "greater"),
    "number: huge": ("[upstream.timeouts]\nread = 1e300", "upstream.timeouts.read", "at most"),
    "number: link for ever": (
        "[paging]\nlink_lifetime_seconds = 1000000000000",
        "paging.link_lifetime_seconds",
        "at most",
    ),
    "number: rate of nothing": (
        "[upstream]\nrequests_per_second = 1e-300",
        "upstream.requests_per_second",
        "at least",
    ),
    "number: connections": ("[server]\nmax_connections = 10000000000", "server.max_connections", "at most"),
    "site name: line break": (f'[sites.{GUID}]\nname = "a\\nb"', f"sites.{GUID}.name", "at most 60 letters"),
    "site name: GUID": (f"[sites.{GUID}]\nname = '{GUID}'", f"sites.{GUID}.name", "GUID"),
    "group: caller in two": (
        f"[cache.shared_callers]\na = ['{'0a' * 32}']\nb = ['{'0a' * 32}']",
        "cache.shared_callers",
        "two",
    ),
}


def run_gateway(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=MAX_WAIT,
        cwd=ROOT,
        env=environment_with(**environment),
    )


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Ended]]:
    """How `check-config` and `serve` ended with each configuration."""
    commands = []
    for number, (toml, _, _) in enumerate(REFUSED.values()):
        file = tmp_path_factory.mktemp("refused") / f"{number}.toml"
        file.write_text(toml)
        commands.append(("check-config", "--config", str(file)))
        commands.append(("serve", "--port", "0", "--config", str(file)))
    ended = run_commands(commands)
    return dict(zip(REFUSED, zip(ended[::2], ended[1::2], strict=True), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_configuration_is_refused_by_check_and_serve_alike(
    refusals: dict[str, tuple[Ended, Ended]], name: str
) -> None:
    _, setting, words = REFUSED[name]
    check, serve = refusals[name]
    assert (check.code, check.stdout) == (1, "")
    assert setting in check.stderr
    assert words in check.stderr
    assert not [secret for secret in ("Zzyzx", *SECRETS) if secret in check.stderr]
    problems = [json.loads(line)["problem"] for line in serve.stderr.splitlines()]
    assert (serve.code, serve.stdout) == (1, "")
    assert problems == check.stderr.removeprefix("Error: ").splitlines()


def test_key_with_the_line_end_of_a_file_is_valid() -> None:
    check = run_gateway("check-config", PAGING__KEYS=f'["{SECRET}\\n"]', ADMIN__TOKEN=f"{SECRET}\n")
    assert check.returncode == 0, check.stderr
    assert SECRET not in check.stdout + check.stderr


def test_check_shows_no_password() -> None:
    check = run_gateway(
        "check-config",
        UPSTREAM__PROXY="http://user:Zzyzx@proxy.example:3128",
        CACHE__REDIS__URL="redis://:Zzyzx@127.0.0.1:9/0",
        CACHE__KEYS=f'["{SECRET}"]',
        ADMIN__TOKEN=SECRET,
    )
    assert check.returncode == 0, check.stderr
    assert not [secret for secret in ("Zzyzx", SECRET) if secret in check.stdout + check.stderr]


def test_error_of_an_admin_command_shows_no_password() -> None:
    sites = run_gateway("sites", "--url", "http://user:Zzyzx@127.0.0.1:9")
    assert sites.returncode == 1
    assert "no response from http://127.0.0.1:9" in sites.stderr
    assert "Zzyzx" not in sites.stderr


@pytest.mark.parametrize("exists", [False, True])
def test_other_users_cannot_read_the_ledger_of_a_gateway(tmp_path: Path, *, exists: bool) -> None:
    file = tmp_path / "ledger.sqlite3"
    if exists:
        file.touch()
        file.chmod(0o644)
    environment = os.environ | {"HALO_GATEWAY_LEDGER__PATH": str(file)}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, umask=0, cwd=ROOT
    ) as gateway:
        try:
            assert gateway.stdout
            assert gateway.stdout.readline().startswith("halo-gateway listening on")
            modes = {entry.name: entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()}
        finally:
            gateway.terminate()
        _, log = gateway.communicate(timeout=MAX_WAIT)
    assert modes
    assert set(modes.values()) == {0o600}, modes
    assert ("ledger-file-mode" in log) is exists
