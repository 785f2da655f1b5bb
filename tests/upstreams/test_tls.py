"""Trusted certificates: those of the system and of one file, whatever the environment says."""

from pathlib import Path

import pytest
from support.outbound import authority

from gateway.upstreams.tls import ssl_context, system_context


def test_certificates_of_a_file_are_trusted_as_well(tmp_path: Path) -> None:
    system, both = (
        ssl_context(ca_file).cert_store_stats() for ca_file in (None, authority(tmp_path).ca_file)
    )
    assert both["x509"] == system["x509"] + 1
    assert ssl_context(None).check_hostname


def test_environment_variables_do_not_change_system_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    before = ssl_context(None).cert_store_stats()
    system_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert ssl_context(None).cert_store_stats() == before


def test_certificates_of_the_system_are_read_once(tmp_path: Path) -> None:
    assert ssl_context(None) is ssl_context(None)
    assert ssl_context(authority(tmp_path).ca_file) is not ssl_context(None)
