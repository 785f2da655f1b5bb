"""The kit for Prometheus and Grafana: every alert is tested and explained, and every figure exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from conftest import ROOT
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from support.prometheus import RULES, Prometheus, alert_rules, promtool, recording_rules, running_prometheus
from support.promql import TARGET_LABELS, base_name, grouped_labels, selectors
from support.secrets import SECRET
from support.workers import workers_gateway

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.web.markdown import slug

PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
ALERTS = alert_rules()
RECORDED = recording_rules()
NAMES = [rule["alert"] for rule in ALERTS]
TEST_FILES = ("alerts.test.yml", "alerts-week.test.yml")
DASHBOARDS = sorted((ROOT / "deploy" / "observability" / "grafana" / "dashboards").glob("*.json"))
SITE = f"SITES__{SYDNEY.upper()}__"
#: Settings with which every metric exists.
EVERYTHING = {
    f"{SITE}TIME_ZONE": "Australia/Sydney",
    f"{SITE}NAME": "harbour",
    f"{SITE}CAPS__QUERIES": "100",
    "APPS__BOARD__USER_AGENT": "python-httpx/*",
    "APPS__BOARD__BUDGET__QUERIES_PER_DAY": "100",
    "WEBHOOKS__SECRETS": f'["{SECRET}"]',
    "WEBHOOKS__RECEIVERS__CRM__URL": "http://127.0.0.1:1/",
    "WEBHOOKS__RECEIVERS__CRM__SECRET": f"whsec_{SECRET}",
    "BUDGET_WEBHOOK__URL": "http://127.0.0.1:1/",
    "BUDGET_WEBHOOK__SECRET": f"whsec_{SECRET}",
    "TRACES__ENDPOINT": "http://127.0.0.1:1/",
}


def documented_metrics() -> dict[str, set[str]]:
    """Labels by name of each metric in the table, without prefix."""
    table = PAGE.partition("## Metrics")[2].partition("## Alerts")[0]
    rows = re.findall(r"^\| (`[^|]+) \|([^|]*)\|", table, re.MULTILINE)
    return {
        name: set(re.findall(r"`([^`]+)`", labels))
        for names, labels in rows
        for name in re.findall(r"`([^`]+)`", names)
    }


METRICS = documented_metrics()


def panels(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["panels"]
    return found


def dashboard_expressions(file: Path) -> list[str]:
    """Expressions of all panels; a variable stands for everything."""
    queries = [target["expr"] for panel in panels(file) for target in panel["targets"]]
    return [re.sub(r"\$\w+", ".*", query) for query in queries]


EXPRESSIONS = [
    *((rule["alert"], rule["expr"]) for rule in ALERTS),
    *((rule["record"], rule["expr"]) for rule in RECORDED),
    *((file.stem, query) for file in DASHBOARDS for query in dashboard_expressions(file)),
]


def labels_of(metric: str) -> set[str]:
    """Labels of a metric: of the table, of a recording rule, or of Prometheus. Raises KeyError."""
    recorded = {rule["record"]: rule["expr"] for rule in RECORDED}
    if metric in recorded:
        return grouped_labels(recorded[metric]) - {"le"}
    if metric == "ALERTS":
        return {"alertname", "alertstate", "severity"}
    if metric == "up" or metric.startswith("process_"):
        return set(TARGET_LABELS)
    bucket = {"le"} if metric.endswith("_bucket") else set()
    return METRICS[base_name(metric)] | TARGET_LABELS | bucket


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS)
def test_every_metric_and_label_is_documented(place: str, expression: str) -> None:
    found = list(selectors(expression))
    assert found, place
    known = [labels_of(selector.metric) for selector in found]
    for selector, labels in zip(found, known, strict=True):
        assert selector.labels <= labels, (place, selector)
    assert grouped_labels(expression) <= set[str]().union(*known), place


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_alert_says_what_is_wrong_and_links_to_help(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    summary, link = rule["annotations"]["summary"], rule["annotations"]["runbook_url"]
    assert summary.endswith(".")
    shown = set(re.findall(r"\$labels\.(\w+)", summary))
    known = set[str]().union(*(labels_of(selector.metric) for selector in selectors(rule["expr"])))
    assert shown <= known
    kept = grouped_labels(rule["expr"])
    assert not kept or shown <= kept | TARGET_LABELS
    address, _, anchor = link.partition("#")
    assert address == "{{ $externalLabels.docs }}/observability.md"
    headings = {slug(line.lstrip("# ")): line for line in PAGE.splitlines() if line.startswith("#### ")}
    entry = PAGE.partition(f"{headings[anchor]}\n\n")[2].partition("\n\n")[0]
    assert entry.startswith(f"*{rule['labels']['severity']}*. ")
    assert len(entry.split()) > 8


def test_page_explains_no_alert_that_is_gone() -> None:
    assert re.findall(r"^#### (.+)$", PAGE, re.MULTILINE) == NAMES
    linked = set(re.findall(r"\(#(halogateway\w+)\)", PAGE))
    assert linked <= {slug(name) for name in NAMES}


def test_every_alert_is_tested_to_fire_and_to_be_quiet() -> None:
    tests = [
        test["name"]
        for name in TEST_FILES
        for test in yaml.safe_load((RULES / name).read_text(encoding="utf-8"))["tests"]
    ]
    assert sorted(tests) == sorted(f"{name} {what}" for name in NAMES for what in ("fires", "is quiet"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml", "recording.yml"),
        ("check", "config", "prometheus.yml"),
        ("check", "config", "prometheus-replicas.yml"),
        ("test", "rules", *TEST_FILES),
    ],
    ids=" ".join,
)
def test_promtool_accepts_rules_and_configuration(arguments: tuple[str, ...]) -> None:
    completed = promtool(*arguments)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "SUCCESS" in completed.stdout


def test_promtool_finds_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    for name in ("alerts.yml", "recording.yml"):
        text = (RULES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(
            text.replace('up{job="halo-gateway"} == 0', 'up{job="halo-gateway"} == 2')
        )
    tests = yaml.safe_load((RULES / "alerts.test.yml").read_text(encoding="utf-8"))
    (tmp_path / "alerts.test.yml").write_text(yaml.safe_dump(tests | {"tests": tests["tests"][:2]}))
    completed = promtool("test", "rules", str(tmp_path / "alerts.test.yml"))
    assert completed.returncode != 0
    assert "HaloGatewayDown" in completed.stdout + completed.stderr


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_dashboard_is_complete_and_nothing_overlaps(file: Path) -> None:
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    assert dashboard["uid"] == f"halo-gateway-{file.stem}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    sources = [part["datasource"] for panel in dashboard["panels"] for part in (panel, *panel["targets"])]
    assert {source["uid"] for source in sources} == {"prometheus"}
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = {name for panel in dashboard["panels"] for target in panel["targets"]
            for name in re.findall(r"\$(\w+)", target["expr"])}  # fmt: skip
    assert used == names
    for variable in dashboard["templating"]["list"]:
        ((metric, label),) = re.findall(r"label_values\((\w+)(?:\{[^}]*\})?, (\w+)\)", variable["definition"])
        assert label in labels_of(metric)


class Scraped(NamedTuple):
    """A Prometheus that has scraped a gateway after traffic, and the gateway's URL and page."""

    gateway: str
    prometheus: Prometheus
    families: list[Metric]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    folder = tmp_path_factory.mktemp("observability")
    with (
        RunningEmulator(EmulatorSettings(patients=30, documents=5)) as emulator,
        workers_gateway(emulator.url, folder, **EVERYTHING) as gateway,
        running_prometheus(folder, gateway.url.removeprefix("http://")) as prometheus,
    ):
        with gateway.clients() as clients:
            for client in clients:
                assert client.get("/Patient/1").status_code == 200
                client.get("/Patient/none")
            emulator.control("POST", "faults", {"kind": "answer", "status": 500, "body": "x", "times": 9})
            for number in range(9):
                clients[0].get(f"/Slot/{number}")
        assert prometheus.wait_for('halo_gateway_errors_total{code="upstream-500"}')
        assert prometheus.wait_for("halo_gateway:upstream_request_duration_seconds:p99")
        page = gateway.ask_all("/metrics").text
        yield Scraped(gateway.url, prometheus, list(text_string_to_metric_families(page)))


def test_table_of_metrics_is_that_of_a_running_gateway(scraped: Scraped) -> None:
    shown: dict[str, set[str]] = {}
    for family in scraped.families:
        if family.name.startswith("halo_gateway_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = [set(sample.labels) - {"le"} for sample in family.samples]
            shown[base_name(name)] = set[str]().union(*labels)
    assert set(shown) == set(METRICS)
    assert {name: labels for name, labels in shown.items() if labels and labels != METRICS[name]} == {}


def test_every_metric_of_the_kit_is_scraped(scraped: Scraped) -> None:
    shown = {family.name for family in scraped.families} | {
        sample.name for family in scraped.families for sample in family.samples
    }
    counters = {family.name for family in scraped.families if family.type == "counter"}
    shown |= {f"{name}_{end}" for name in counters for end in ("total", "created")}
    named = {selector.metric for _, expression in EXPRESSIONS for selector in selectors(expression)}
    assert {name for name in named if name.startswith(("halo_gateway_", "process_"))} <= shown


def test_prometheus_evaluates_every_rule(scraped: Scraped) -> None:
    scraped.prometheus.wait_for("halo_gateway:errors:ratio10m")
    groups = scraped.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(ALERTS) + len(RECORDED)
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    firing = {alert["labels"]["alertname"] for alert in scraped.prometheus.get("alerts")["alerts"]}
    assert not firing & {"HaloGatewayDown", "HaloGatewayAbsent", "HaloGatewayVersionSkew"}


def test_first_event_of_a_kind_raises_its_alert(scraped: Scraped) -> None:
    assert httpx.post(f"{scraped.gateway}/hooks/halo", content=b"{}", trust_env=False).status_code == 401
    scraped.prometheus.wait_for('ALERTS{alertname="HaloGatewayWebhooksRefused",alertstate="firing"}')
    assert scraped.prometheus.query("sum(halo_gateway_webhooks_total)")[0]["value"][1] == "1"
    assert scraped.prometheus.query('halo_gateway_errors_created{code="upstream-500"} > time() - 900')


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_prometheus_answers_every_query_of_a_dashboard(scraped: Scraped, file: Path) -> None:
    expressions = dashboard_expressions(file)
    empty = [each for each in expressions if not scraped.prometheus.query(each)]
    # without samples only: what needs a change between two scrapes, a week, or a fault that is not made here
    assert all(
        re.search(r"offset 1w|repairs_total|rate_limit_|retr|_ratio1h|> 0|== 1|predict_linear", each)
        for each in empty
    ), empty
    assert len(empty) < len(expressions) / 3


def test_both_workers_are_one_target(scraped: Scraped) -> None:
    assert scraped.prometheus.query('up{job="halo-gateway"}')[0]["value"][1] == "1"
    assert scraped.prometheus.query("halo_gateway_client_connections_max")[0]["value"][1] == "2000"
    assert scraped.prometheus.query("halo_gateway_build_info")[0]["value"][1] == "1"
