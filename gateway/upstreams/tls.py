"""Trust in the certificates of upstreams."""

import ssl
import sys
from pathlib import Path


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS context that trusts the system's certificates and those of a PEM file.

    It states OpenSSL's own paths, because the default call uses SSL_CERT_FILE and SSL_CERT_DIR instead.
    Raises OSError if the file cannot be read.
    """
    system = ssl.get_default_verify_paths()
    context = ssl.create_default_context(capath=system.openssl_capath)
    if Path(system.openssl_cafile).is_file():
        context.load_verify_locations(system.openssl_cafile)
    if sys.platform == "win32":
        context.load_default_certs()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
