import pytest

from gateway.errors.sql_text import without_sql

#: What stays before the SQL, which follows.
SQL = [
    "SELECT * FROM Patients",
    "SELECT p.Surname FROM Patients p",
    "select surname, dob",
    "select surname as s",
    "SELECT 'Zzyzx' AS name",
    "SELECT/**/Surname/**/FROM/**/Patients",
    "select\nsurname\nfrom\npatients",
    "SELECT TOP 1 Surname",
    "SELECT Surname WHERE",
    "INSERT INTO Patients VALUES ('Zzyzx')",
    "insert patients (surname) values ('zzyzx')",
    "UPDATE Patients SET Surname = 'Zzyzx'",
    "update [Best Practice].dbo.patients set surname",
    "DELETE FROM Patients",
    "DELETE Patients WHERE",
    "MERGE Patients AS p",
    "EXEC GetPatient 'Zzyzx'",
    "exec GetPatient 'Zzyzx'",
    "exec GetPatient 48213",
    "execute procedure get_patient",
    "exec BP_GetPatient",
    "EXECUTE sp_executesql N'x'",
    "call get_patient('zzyzx')",
    "DECLARE @p1 int",
    "declare @p1",
    "set @p1 = 'zzyzx'",
    "@surname = 'Zzyzx'",
    "WHERE UPPER(Surname) = 'ZZYZX'",
    "where upper(surname) = 'zzyzx'",
    "where p.surname not like 'zz%'",
    "and dob between '1980-01-01'",
    "and dob in ('1980-01-01')",
    "or surname is not null",
    "surname = 'zzyzx'",
    "surname like 'zz%'",
    "[Last Name] <> N'zzyzx'",
    "from dbo.patients",
    "from [patients]",
    "inner join patients",
    "join patients p on",
    "order by surname",
    "with p as (select 1)",
    "union all select null",
    "drop table patients",
    "/* zzyzx */",
    "VALUES ('Zzyzx')",
    "TRUNCATE TABLE patients",
]
#: Sentences about SQL and HTTP, without SQL.
SENTENCES = [
    "Invalid column name 'x'.",
    "The SELECT permission was denied on the object 'x'.",
    "The INSERT statement conflicted with the FOREIGN KEY constraint.",
    "Incorrect syntax near the keyword 'SELECT'.",
    "SQL query string cannot be null or void",
    "Failed to create/update user",
    "The DELETE method is not allowed",
    "DELETE is not allowed",
    "Accept: */*",
    "Set the value, then update it",
    "Make a call to select",
    "Dynamic SQL Error SQL error code = -206",
    "The value of x is from the list",
]


@pytest.mark.parametrize("sql", SQL)
def test_text_is_cut_where_sql_starts(sql: str) -> None:
    assert without_sql(f"Error: {sql}") == "Error: …"
    assert without_sql(sql) == "…"


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentence_without_sql_stays(sentence: str) -> None:
    assert without_sql(sentence) == sentence


def test_only_sql_is_removed() -> None:
    assert without_sql("Bad\tcolumn 'x'.\nSELECT x FROM y") == "Bad column 'x'. …"


def test_text_is_one_printable_line_of_limited_length() -> None:
    assert without_sql("a\x00b\u2028c") == "a b c"
    assert len(without_sql("x" * 5_000)) == 1_000
