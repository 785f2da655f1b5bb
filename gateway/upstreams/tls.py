"""Trust in the certificates of upstreams."""

import ssl
import sys
from functools import cache
from pathlib import Path


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS context that trusts the system's certificates and those of a PEM file.

    Raises OSError if the file cannot be read.
    """
    if not ca_file:
        return system_context()
    context = _new_context()
    context.load_verify_locations(ca_file)
    return context


@cache
def system_context() -> ssl.SSLContext:
    """TLS context that trusts the system's certificates: one, since reading those takes 20 to 30 ms."""
    return _new_context()


def _new_context() -> ssl.SSLContext:
    """Return a context of the system's certificates.

    It states OpenSSL's own paths, because the default call uses SSL_CERT_FILE and SSL_CERT_DIR instead.
    """
    system = ssl.get_default_verify_paths()
    context = ssl.create_default_context(capath=system.openssl_capath)
    if Path(system.openssl_cafile).is_file():
        context.load_verify_locations(system.openssl_cafile)
    if sys.platform == "win32":
        context.load_default_certs()
    return context
