"""SqlDbTypes of Halo's OpenAPI document 26.619: which values Halo cannot convert, how to declare them."""

from typing import NamedTuple

#: Bytes, or UTF-16 units, up to which Halo's implicit conversion works (known issues of SQL Passthrough).
_BYTES = 8_000
_UNITS = 4_000


class SqlType(NamedTuple):
    """A type of parameters. `variable` is the type to declare it with, or empty: it stays a parameter."""

    variable: str = ""
    limit: int = 0
    is_binary: bool = False
    #: The server fills a shorter value up to its `size`.
    is_padded: bool = False
    #: Its `size` counts bytes of the database's code page, of which a character may take several.
    is_code_page: bool = False
    is_supported: bool = True


_UNSUPPORTED = SqlType(is_supported=False)
#: image, ntext and text cannot be the type of a variable, so that the (max) types stand for them.
_DECLARED = {
    "binary": SqlType("varbinary(max)", _BYTES, is_binary=True, is_padded=True),
    "image": SqlType("varbinary(max)", _BYTES, is_binary=True),
    "varbinary": SqlType("varbinary(max)", _BYTES, is_binary=True),
    "nchar": SqlType("nvarchar(max)", _UNITS, is_padded=True),
    "ntext": SqlType("nvarchar(max)", _UNITS),
    "nvarchar": SqlType("nvarchar(max)", _UNITS),
    "string": SqlType("nvarchar(max)", _UNITS),  # DbType.String, which SqlClient sends as nvarchar
    "xml": SqlType("xml", _UNITS),
    "char": SqlType("varchar(max)", _BYTES, is_padded=True, is_code_page=True),
    "text": SqlType("varchar(max)", _BYTES, is_code_page=True),
    "varchar": SqlType("varchar(max)", _BYTES, is_code_page=True),
}
_PASSED = (
    "bigint", "bit", "date", "datetime", "datetime2", "datetimeoffset", "decimal", "float", "int", "money",
    "real", "smalldatetime", "smallint", "smallmoney", "time", "tinyint", "uniqueidentifier",
)  # fmt: skip
_REFUSED = ("structured", "timestamp", "udt", "variant")
_TYPES = {**_DECLARED, **dict.fromkeys(_PASSED, SqlType()), **dict.fromkeys(_REFUSED, _UNSUPPORTED)}
#: Names of all types, in small letters.
TYPE_NAMES = frozenset(_TYPES)


def sql_type(name: str) -> SqlType:
    """Type of a name in any capitals; an unsupported one if it is unknown or empty."""
    return _TYPES.get(name.lower(), _UNSUPPORTED)
