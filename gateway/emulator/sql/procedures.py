"""Stored procedures that the emulator's configuration declares."""

from collections.abc import Iterable
from typing import Final

from pydantic import Field, field_validator

from gateway.emulator.frozen_settings import FrozenSettings
from gateway.emulator.sql.data_types import DataType, parse_type
from gateway.emulator.sql.errors import SqlServerError
from gateway.emulator.sql.parser import parse_procedure_name

_DEFAULT_SCHEMA: Final = "dbo"
_SCHEMA_AND_NAME: Final = 2


class ProcedureParameter(FrozenSettings):
    """A parameter: `name` with its @, `type` as T-SQL declares it; an optional one has the default NULL."""

    name: str = Field(pattern=r"^@[\w@$#]{1,127}$")
    type: str
    output: bool = False
    optional: bool = False

    @field_validator("type")
    @classmethod
    def validate_type(cls, text: str) -> str:
        """Return the type. Raises ValueError for a type that SQL Server does not have."""
        try:
            parse_type(text)
        except SqlServerError as error:
            raise ValueError(error.message) from None
        return text

    @property
    def data_type(self) -> DataType:
        """The type, as it is read."""
        return parse_type(self.type)


class Procedure(FrozenSettings):
    """A stored procedure, as `schema.name`; `returns` is its return code."""

    name: str
    parameters: tuple[ProcedureParameter, ...] = ()
    returns: int = 0

    @field_validator("name")
    @classmethod
    def validate_name(cls, text: str) -> str:
        """Return the name. Raises ValueError unless it is `schema.name` or `name`."""
        parts = parse_procedure_name(text)
        if parts is None or len(parts) > _SCHEMA_AND_NAME:
            raise ValueError(f"{text!r} is no name of a procedure: write schema.name")
        return text

    @property
    def parts(self) -> tuple[str, ...]:
        """Schema and name."""
        parts = parse_procedure_name(self.name) or (self.name,)
        return (_DEFAULT_SCHEMA, *parts)[-_SCHEMA_AND_NAME:]


class Procedures:
    """Finds procedures by name, without regard to case; every server and database has the same ones."""

    def __init__(self, procedures: Iterable[Procedure]) -> None:
        self._procedures = {_key(procedure.parts): procedure for procedure in procedures}

    def find(self, parts: tuple[str, ...]) -> Procedure | None:
        """Return the procedure of a name of 1 to 4 parts; the schema is dbo where it is left out."""
        schema, name = ("", *parts)[-_SCHEMA_AND_NAME:]
        return self._procedures.get(_key((schema or _DEFAULT_SCHEMA, name)))


def _key(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)


#: Procedures of the emulator unless its configuration declares others.
DEFAULT_PROCEDURES: Final = (
    Procedure(
        name="dbo.FileDocument",
        parameters=(
            ProcedureParameter(name="@PatientId", type="int"),
            ProcedureParameter(name="@Title", type="nvarchar(200)"),
            ProcedureParameter(name="@Content", type="varbinary(max)"),
            ProcedureParameter(name="@DocumentId", type="int", output=True),
        ),
    ),
    Procedure(
        name="dbo.AddNote",
        parameters=(
            ProcedureParameter(name="@PatientId", type="int"),
            ProcedureParameter(name="@Note", type="nvarchar(max)"),
            ProcedureParameter(name="@NoteId", type="int", output=True),
        ),
    ),
)
