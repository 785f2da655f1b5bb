"""Environment variables set by platforms."""

import pytest

from gateway.settings.injected import is_injected

URL = "tcp://10.0.0.1:8080"
#: Set by Kubernetes for the Services halo-gateway, halo-gateway-redis, …; by Docker for linked containers.
PLATFORM = [
    ("HALO_GATEWAY_SERVICE_HOST", "10.0.0.1"),
    ("HALO_GATEWAY_SERVICE_HOST", "fd00::1"),
    ("HALO_GATEWAY_SERVICE_PORT", "8080"),
    ("HALO_GATEWAY_SERVICE_PORT_HTTP", "8080"),
    ("HALO_GATEWAY_SERVICE_PORT_HTTP_ADMIN", "8081"),
    ("HALO_GATEWAY_PORT", URL),
    ("HALO_GATEWAY_PORT", "tcp://[fd00::1]:8080"),
    ("HALO_GATEWAY_PORT", "udp://10.0.0.1:53"),
    ("HALO_GATEWAY_PORT", "sctp://10.0.0.1:53"),
    ("HALO_GATEWAY_PORT_8080_TCP", URL),
    ("HALO_GATEWAY_PORT_8080_TCP_PROTO", "tcp"),
    ("HALO_GATEWAY_PORT_8080_TCP_PORT", "8080"),
    ("HALO_GATEWAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ("HALO_GATEWAY_PORT_53_UDP_ADDR", "10.0.0.1"),
    ("HALO_GATEWAY_PORT_9_SCTP_PROTO", "sctp"),
    ("HALO_GATEWAY_PORT_8080_TCP_START", URL),
    ("HALO_GATEWAY_NAME", "/web/halo-gateway"),
    ("HALO_GATEWAY_ENV_PATH", "/usr/bin"),
    ("HALO_GATEWAY_ENV_HALO_GATEWAY_LOG__LEVEL", "debug"),
    ("HALO_GATEWAY_REDIS_SERVICE_HOST", "10.0.0.2"),
    ("HALO_GATEWAY_REDIS_SERVICE_PORT", "6379"),
    ("HALO_GATEWAY_REDIS_SERVICE_PORT_REDIS", "6379"),
    ("HALO_GATEWAY_REDIS_PORT", "tcp://10.0.0.2:6379"),
    ("HALO_GATEWAY_REDIS_PORT_6379_TCP", "tcp://10.0.0.2:6379"),
    ("HALO_GATEWAY_REDIS_PORT_6379_TCP_ADDR", "10.0.0.2"),
    ("HALO_GATEWAY_REDIS_NAME", "/web/redis"),
    ("HALO_GATEWAY_REDIS_ENV_REDIS_VERSION", "7"),
    ("HALO_GATEWAY_SERVER_SERVICE_HOST", "10.0.0.3"),
    ("HALO_GATEWAY_SERVER_PORT", URL),
    ("HALO_GATEWAY_ADMIN_SERVICE_PORT", "8081"),
    ("HALO_GATEWAY_ADMIN_PORT_8081_TCP_PORT", "8081"),
    ("HALO_GATEWAY_EMULATOR_SERVICE_HOST", "10.0.0.4"),
    ("HALO_GATEWAY__REDIS_SERVICE_HOST", "10.0.0.5"),
    ("halo_gateway_service_host", "10.0.0.1"),
]
OPERATOR = [
    ("HALO_GATEWAY_PORT", "8080"),
    ("HALO_GATEWAY_PORT", ""),
    ("HALO_GATEWAY_PORT", "http://10.0.0.1:8080"),
    ("HALO_GATEWAY_PORT", "tcp://10.0.0.1"),
    ("HALO_GATEWAY_PORT", f"{URL}\n"),
    ("HALO_GATEWAY_SERVER_PORT", "9000"),
    ("HALO_GATEWAY_REDIS_PORT", "6379"),
    ("HALO_GATEWAY_NAME", "harbour"),
    ("HALO_GATEWAY_SITE_NAME", "harbour"),
    ("HALO_GATEWAY_SERVER_DEFAULT_SITE", "x"),
    ("HALO_GATEWAY_HOST", "0.0.0.0"),  # noqa: S104 - a likely mistake
    ("HALO_GATEWAY_SERVICE", "x"),
    ("HALO_GATEWAY_SERVICE_HOSTS", "x"),
    ("HALO_GATEWAY_PORT_8080", URL),
    ("HALO_GATEWAY_PORT_HTTP_TCP", URL),
    ("HALO_GATEWAY_PORT_8080_TLS", URL),
    ("HALO_GATEWAY_ENV_", ""),
    ("HALO_GATEWAY_ENVIRONMENT", "stage"),
    ("HALO_GATEWAYSERVICE_HOST", "10.0.0.1"),
    ("HALO_SERVICE_HOST", "10.0.0.1"),
    ("XHALO_GATEWAY_SERVICE_HOST", "10.0.0.1"),
    ("HALO_GATEWAY_LOG__LEVEL", "debug"),
]


@pytest.mark.parametrize(("name", "value"), PLATFORM)
def test_variable_of_a_platform_is_recognised(name: str, value: str) -> None:
    assert is_injected(name, value)


@pytest.mark.parametrize(("name", "value"), OPERATOR)
def test_variable_of_an_operator_is_not_a_platforms(name: str, value: str) -> None:
    assert not is_injected(name, value)


def test_long_name_and_value_are_matched_in_linear_time() -> None:
    assert not is_injected("HALO_GATEWAY" + "_PORT_1_TCP" * 20_000 + "!", "tcp://" + ":1" * 50_000)
