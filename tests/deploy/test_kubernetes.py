"""deploy/kubernetes: rendered by kustomize, valid by the schemas of Kubernetes, and true of the product."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from support.kit_settings import drain_total, kit_settings, make_secrets
from support.programs import require_program

from gateway.settings import ConfigurationError, Settings, load

KIT = ROOT / "deploy" / "kubernetes"
#: Folders that render alone, and kinds whose schema is not one of Kubernetes itself.
FOLDERS = ("base", "example", "redis", "prometheus-operator")
FOREIGN_KINDS = {"ServiceMonitor"}
#: Releases whose schemas must accept every resource.
RELEASES = ("1.32", kubernetes_validate.latest_version())


@cache
def render(folder: str) -> list[dict[str, Any]]:
    """Resources of a folder. Fails on a warning of kustomize."""
    command = [require_program("kubectl"), "kustomize", str(KIT / folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return list(yaml.safe_load_all(result.stdout))


def find(kind: str, name: str = "halo-gateway", folder: str = "example") -> dict[str, Any]:
    (found,) = [
        each for each in render(folder) if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    ][:1]
    return found


def pod() -> dict[str, Any]:
    template: dict[str, Any] = find("Deployment")["spec"]["template"]
    return template


def container() -> dict[str, Any]:
    (found,) = pod()["spec"]["containers"]
    return dict(found)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the ConfigMap and of the variables that the Secret names, with good values."""
    (tmp_path / "gateway.toml").write_text(find("ConfigMap")["data"]["gateway.toml"])
    secrets = make_secrets(tmp_path / "secrets")
    assert secrets.keys() == find("Secret")["stringData"].keys()
    return kit_settings(tmp_path / "gateway.toml", secrets, monkeypatch)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("release", RELEASES)
def test_every_resource_fits_the_schema(folder: str, release: str) -> None:
    resources = render(folder)
    assert resources
    for resource in resources:
        if resource["kind"] not in FOREIGN_KINDS:
            kubernetes_validate.validate(resource, release, strict=True)


def test_examples_of_secrets_do_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in find("Secret")["stringData"].items():
        monkeypatch.setenv(name, value)
    (tmp_path / "gateway.toml").write_text(find("ConfigMap")["data"]["gateway.toml"])
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "gateway.toml")
    for variable in ("CACHE__KEYS", "PAGING__KEYS", "ADMIN__TOKEN"):
        assert f"HALO_GATEWAY_{variable}: " in str(refused.value)


def test_grace_period_is_long_enough(settings: Settings) -> None:
    assert pod()["spec"]["terminationGracePeriodSeconds"] >= drain_total(settings)
    readiness = container()["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert settings.server.drain_delay >= noticed + 1  # docs/operations.md, Rolling restarts


def test_ports_are_those_of_the_gateway(settings: Settings) -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    command = container()["args"]
    assert command[0] == "serve"
    assert ports == {
        "http": int(command[command.index("--port") + 1]),
        "operators": int(str(settings.admin.listen).rpartition(":")[2]),
    }
    for resource in render("example"):
        if resource["kind"] == "Service" and resource["metadata"]["name"].startswith("halo-gateway"):
            assert {port["targetPort"] for port in resource["spec"]["ports"]} <= ports.keys()
    operators = find("Service", "halo-gateway-operators")
    assert set(settings.admin.hosts) == {operators["metadata"]["name"]}
    assert operators["spec"]["ports"][0]["port"] == ports["operators"]


def test_probes_ask_for_health() -> None:
    paths = {
        name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("readiness", "liveness", "startup")
    }
    assert paths == {"readiness": "/readyz", "liveness": "/livez", "startup": "/livez"}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_pods_have_no_rights(kind: str) -> None:
    (workload,) = [each for each in render("example") if each["kind"] == kind]
    spec = workload["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in spec["containers"]:
        context = each["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"]["memory"]
        assert "cpu" not in each["resources"]["limits"], "a limit of CPU stalls a process that uses one core"


def test_user_is_that_of_the_image() -> None:
    assert "USER 65532:65532" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert pod()["spec"]["securityContext"]["runAsUser"] == 65532
    assert find("ServiceAccount")["automountServiceAccountToken"] is False


def test_every_selector_finds_the_pods() -> None:
    labels = pod()["metadata"]["labels"].items()
    spec = pod()["spec"]
    selectors = [
        find("Deployment")["spec"]["selector"]["matchLabels"],
        find("Service")["spec"]["selector"],
        find("Service", "halo-gateway-operators")["spec"]["selector"],
        find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        find("NetworkPolicy", "redis")["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in spec["topologySpreadConstraints"]),
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)
    assert (
        find("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
        == find("Deployment")["metadata"]["name"]
    )


def test_two_replicas_at_least_and_never_fewer_in_an_update() -> None:
    assert find("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert "replicas" not in find("Deployment")["spec"]
    assert find("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_configuration_and_secret_are_mounted_by_their_names() -> None:
    volume = pod()["spec"]["volumes"][0]["configMap"]["name"]
    assert volume == find("ConfigMap")["metadata"]["name"]
    assert container()["envFrom"] == [{"secretRef": {"name": find("Secret")["metadata"]["name"]}}]
    (mount,) = container()["volumeMounts"]
    (variable,) = container()["env"]
    assert variable == {"name": "HALO_GATEWAY_CONFIG", "value": f"{mount['mountPath']}/gateway.toml"}


def test_practice_gets_no_more_requests_than_one_default_replica_twice(settings: Settings) -> None:
    replicas = find("HorizontalPodAutoscaler")["spec"]["maxReplicas"]
    assert settings.bulkhead.max_concurrent * replicas <= 2 * Settings().bulkhead.max_concurrent


def test_memory_limit_covers_the_settings(settings: Settings) -> None:
    limit = int(container()["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024**3
    assert limit > 2 * (settings.cache.max_bytes + settings.server.max_total_body)


def test_network_policy_permits_what_the_gateway_needs() -> None:
    spec = find("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"][0]["port"] for rule in spec["ingress"]] == ["http", "operators"]
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53, 6379, 443]
    (redis,) = spec["egress"][1]["to"]
    labels = find("StatefulSet", "redis")["spec"]["template"]["metadata"]["labels"]
    assert redis["podSelector"]["matchLabels"].items() <= labels.items()


def test_ingress_never_repeats_a_request() -> None:
    annotations = find("Ingress")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-next-upstream"] == "off"


def test_redis_has_the_configuration_of_the_compose_kit() -> None:
    compose = (ROOT / "deploy" / "compose" / "redis.conf").read_text(encoding="utf-8").splitlines()
    own = (KIT / "redis" / "redis.conf").read_text(encoding="utf-8").splitlines()
    different = {line for line in {*compose} ^ {*own} if not line.startswith("#")}
    assert different == {
        "include /run/secrets/redis-password.conf",
        "include /etc/redis-password/redis-password.conf",
    }


def test_service_monitor_scrapes_the_operators_port() -> None:
    monitor = find("ServiceMonitor", folder="prometheus-operator")["spec"]
    service = find("Service", "halo-gateway-operators")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in monitor["endpoints"]] == [
        port["name"] for port in service["spec"]["ports"]
    ]


def test_service_monitor_gives_the_job_that_alerts_ask_for() -> None:
    monitor = find("ServiceMonitor", folder="prometheus-operator")["spec"]
    service = find("Service", "halo-gateway-operators")["metadata"]
    job = service["labels"].get(monitor.get("jobLabel"), service["name"])  # as the operator does
    rules = (ROOT / "deploy" / "observability" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'job="([^"]*)"', rules)) == {job}


def test_every_selector_finds_redis() -> None:
    labels = find("StatefulSet", "redis")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        find("StatefulSet", "redis")["spec"]["selector"]["matchLabels"],
        find("Service", "redis")["spec"]["selector"],
        find("NetworkPolicy", "redis")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
