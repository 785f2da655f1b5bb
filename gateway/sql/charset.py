"""Charset that Content-Type gives a body: JSON is UTF-8 (RFC 8259 section 8.1), but a server may obey it."""

import re
from collections.abc import Iterable

_UTF_8 = re.compile(r';[ \t]*charset=(?:utf-8|"utf-8")[ \t]*(?=;|$)')


def is_utf8(content_types: Iterable[str]) -> bool:
    """Whether no value of Content-Type names a charset, or only UTF-8."""
    return all("charset" not in _UTF_8.sub("", value.lower()) for value in content_types)
