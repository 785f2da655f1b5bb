"""Settings of the way to an upstream: an outbound proxy, and a private certification authority."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from yarl import URL

from gateway.settings.masked import shorten

_PROXY_URL_FORM = "write http://host:port or http://user:password@host:port"


def _check_proxy_url(secret: SecretStr) -> SecretStr:
    """The URL of a proxy, if it is one. The ValueErrors do not show it: it may hold a password."""
    text = secret.get_secret_value()
    try:
        url = URL(text)
        port = url.explicit_port
        (url.host or "").encode("idna")
    except ValueError:
        raise ValueError(f"is no URL: {_PROXY_URL_FORM}") from None
    if not text.isprintable() or " " in text:
        raise ValueError(f"may have no space: {_PROXY_URL_FORM}")
    if url.scheme != "http":
        raise ValueError(f"only an HTTP proxy can be used, no SOCKS or HTTPS proxy: {_PROXY_URL_FORM}")
    if not (url.host and port) or url.raw_path != "/" or url.raw_query_string or url.raw_fragment:
        raise ValueError(f"is not host and port alone: {_PROXY_URL_FORM}")
    _check_proxy_credentials(url.user or "", url.password or "")
    return secret


def _check_proxy_credentials(user: str, password: str) -> None:
    """Raises ValueError for what basic authentication cannot carry (RFC 7617 section 2)."""
    try:
        f"{user}{password}".encode("latin-1")
    except ValueError:
        raise ValueError("user and password may have no characters outside Latin-1") from None
    if ":" in user:
        raise ValueError("the user may have no colon")


def _check_ca_file(file: Path) -> Path:
    """The path of a PEM file with a certificate at least."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(f"holds no certificate in PEM form: {shorten(str(file))}") from None
    except ValueError:  # a null character
        raise ValueError("is not the path of a file") from None
    except OSError as problem:
        raise ValueError(f"cannot be read: {shorten(str(file))}: {problem.strerror}") from None
    if not context.cert_store_stats()["x509"]:
        raise ValueError(f"holds no certificate in PEM form: {shorten(str(file))}")
    return file


ProxyUrl = Annotated[SecretStr, AfterValidator(_check_proxy_url)]
CaFile = Annotated[Path, AfterValidator(_check_ca_file)]
