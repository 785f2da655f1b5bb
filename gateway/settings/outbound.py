"""Value types of settings for an outbound proxy and a private certification authority."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from yarl import URL

from gateway.settings.masked import shorten

_PROXY_URL_FORM = "write http://host:port or http://user:password@host:port"


def _check_proxy_url(secret: SecretStr) -> SecretStr:
    """Return the URL of a proxy. Raises ValueError without the URL, because it may contain a password."""
    text = secret.get_secret_value()
    try:
        url = URL(text)
        port = url.explicit_port
        (url.host or "").encode("idna")
    except ValueError:
        raise ValueError(f"must be a URL: {_PROXY_URL_FORM}") from None
    if not text.isprintable() or " " in text:
        raise ValueError(f"must not contain spaces: {_PROXY_URL_FORM}")
    if url.scheme != "http":
        raise ValueError(f"must be an HTTP proxy, not a SOCKS or HTTPS proxy: {_PROXY_URL_FORM}")
    if not (url.host and port) or url.raw_path != "/" or url.raw_query_string or url.raw_fragment:
        raise ValueError(f"must have a host and a port, and no path: {_PROXY_URL_FORM}")
    _check_proxy_credentials(url.user or "", url.password or "")
    return secret


def _check_proxy_credentials(user: str, password: str) -> None:
    """Raise ValueError for credentials that basic authentication cannot carry (RFC 7617 section 2)."""
    try:
        f"{user}{password}".encode("latin-1")
    except ValueError:
        raise ValueError("user and password must contain only Latin-1 characters") from None
    if ":" in user:
        raise ValueError("the user must not contain a colon")


def _check_ca_file(file: Path) -> Path:
    """Return the path of a PEM file. Raises ValueError if it contains no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(f"contains no certificate in PEM format: {shorten(str(file))}") from None
    except ValueError:  # a null character
        raise ValueError("must be the path of a file") from None
    except OSError as problem:
        raise ValueError(f"cannot be read: {shorten(str(file))}: {problem.strerror}") from None
    if not context.cert_store_stats()["x509"]:
        raise ValueError(f"contains no certificate in PEM format: {shorten(str(file))}")
    return file


ProxyUrl = Annotated[SecretStr, AfterValidator(_check_proxy_url)]
CaFile = Annotated[Path, AfterValidator(_check_ca_file)]
