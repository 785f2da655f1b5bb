"""Statements that provably change nothing; all others may."""

from contextlib import suppress

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.sql.statement import LONGEST_STATEMENT, only_reads

READS = [
    "SELECT 1",
    "SELECT @x, dbo.f(1), 'FROM t'",
    "select * from [Patient];",
    "SELECT 1 ; ; -- end\n",
    ";WITH c AS (SELECT 1 AS a) SELECT TOP 5 a FROM c",
    "WITH c (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM c), d AS (SELECT 2) SELECT [a] FROM c, d",
    "WITH XMLNAMESPACES ('urn:x' AS x) SELECT 1",
    "/* DROP TABLE x */ SELECT 1 -- INTO y\nFROM dbo.[z]",
    "SELECT 'INSERT', N'it''s; DROP TABLE x', [UPDATE], [a]]; EXEC p], 0x01, @p, @@ROWCOUNT FROM [db]..[t]",
    'SELECT "INTO", "a""; DELETE t" FROM db..t',
    "SELECT a FROM [t] UNION SELECT a FROM u EXCEPT SELECT a FROM v INTERSECT SELECT a FROM w",
    "SELECT (SELECT TOP 1 a FROM u) FROM t WHERE a IN (SELECT a FROM v)",
    "SELECT a FROM [t] ORDER BY a OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY",
    "SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END FROM [t]",
    "SELECT COUNT(*) OVER (PARTITION BY b) FROM t WITH (NOLOCK) OPTION (RECOMPILE)",
    "SELECT dbo.f(a), next, value FROM [t] FOR JSON PATH",
    "SELECT a FROM t CROSS APPLY OPENJSON(t.b) LEFT JOIN [u] ON u.a = t.a",
    "SELECT @x = a FROM [t]",
    "SELECT TOP 5 1eFROM t",
]
#: What may write in Firebird, which reads it, or may find other tokens in it.
MAY_WRITE_IN_FIREBIRD = [
    "SELECT * FROM MyProc", "SELECT * FROM PROC(1)", "SELECT * FROM dbo.t", 'SELECT * FROM "MyProc"',
    "SELECT GEN_ID(g, 1) FROM RDB$DATABASE", "SELECT GEN_ID(g, 1)", "SELECT GEN_ID(g, 1) FROM [t]",
    "SELECT a FROM t WITH LOCK", "SELECT a FROM [t] WITH LOCK", "SELECT f(a) FROM t",
    "SELECT a FROM t, PROC(1)", "SELECT a FROM t JOIN u ON 1 = 1", "SELECT a[1] FROM PROC",
    "SELECT a [b] FROM PROC", "SELECT TOP (5) a FROM PROC", "WITH c AS (SELECT 1 AS a) SELECT a FROM c",
    "SELECT 'TOP 5', a FROM PROC",
    "SELECT a /* [t] */ FROM PROC", "SELECT a -- FROM [t]\n FROM PROC",
    "SELECT a FROM p /* /* */ FROM [t] */",
    "SELECT /* /* */ a FROM p -- */ 1", "SELECT q'{' FROM [t]}', a FROM p", "SELECT Q'!' [a] FROM p--!'",
]  # fmt: skip
MAY_WRITE = [
    "", " ", ";", "-- SELECT 1", "/* SELECT 1 */", "'SELECT 1'", "[SELECT] 1", "x", "sp_who",
    "INSERT t SELECT 1", "UPDATE t SET a = 1", "DELETE t",
    "MERGE t USING u ON 1 = 1 WHEN MATCHED THEN DELETE;",
    "EXEC p", "EXECUTE p", "{call p}", "DROP TABLE t", "TRUNCATE TABLE t", "SET NOCOUNT ON SELECT 1",
    "DECLARE @x int",
    "SELECT * INTO t FROM u", "SELECT 1eINTO t FROM u", "SELECT 1.INTO t", "SELECT 0xINTO t",
    "SELECT 1/**/INTO/**/t",
    "SELECT a INTO\nt", "SELECT N'a'INTO t", "SELECT [a]INTO t", 'SELECT "a"INTO t', "SELECT @a INTO t",
    "SELECT 1; SELECT 2", "SELECT 1 SELECT 2", "SELECT 1 EXEC p", "SELECT 1 DROP TABLE t",
    "SELECT 1; DROP TABLE t",
    "SELECT 1;EXEC p;", "SELECT 1\nGO\nDROP TABLE t", "SELECT 1 WAITFOR DELAY '00:01'", "SELECT 1 KILL 55",
    "SELECT 1 -- x\n DELETE t", "SELECT 1 /* /* */ */ DELETE t", "SELECT 'a' DELETE t",
    "SELECT 1 -- x\r\nDELETE t",
    "WITH c AS (SELECT 1 AS a) DELETE c", "WITH c AS (SELECT 1 AS a) UPDATE c SET a = 2",
    "WITH c AS (SELECT 1 AS a) INSERT t SELECT a FROM c", "WITH c AS (SELECT 1)",
    "WITH c AS (SELECT 1) SELECT 1 SELECT 2",
    "SELECT * FROM (UPDATE t SET a = 1 OUTPUT inserted.a) AS x",
    "SELECT * FROM (DELETE t OUTPUT deleted.a) AS x",
    "SELECT NEXT VALUE FOR s", "SELECT next/**/value FOR s",
    "SELECT * FROM OPENROWSET(BULK 'x', SINGLE_CLOB) AS x",
    "SELECT * FROM OPENQUERY(s, 'DELETE t')", "SELECT * FROM OPENDATASOURCE('x', 'y').db.dbo.t",
    "SELECT a FROM t FOR UPDATE", "SELECT a FROM t WITH (TABLOCKX)", "SELECT a FROM t WITH (XLOCK)",
    "SELECT a FROM t (UPDLOCK)", "SELECT a FROM t WITH (HOLDLOCK)", "SELECT a FROM t WITH (SERIALIZABLE)",
    "SELECT 1 FETCH NEXT FROM c", "SELECT 1 FETCH c", "SELECT 1 OPEN c", "SELECT 1 BEGIN TRAN",
    "SELECT 1 COMMIT", "SELECT 1 ROLLBACK",
    "SELECT 1 END CONVERSATION @h", "SELECT 1 RAISERROR('x', 16, 1)", "SELECT 1 SHUTDOWN",
    "SELECT 1 USE master",
    "SELECT 1 REVERT", "SELECT 1 PRINT 'x'", "SELECT 1 IF 1 = 1 DELETE t", "SELECT 1 GOTO x", "x: SELECT 1",
    "SELECT 1 x:",
    "SELECT geography::Point(1, 2, 3)", "(SELECT 1)", "(SELECT 1", "SELECT 1)", "SELECT 1) (SELECT 2",
    "SELECT (1) )(",
    "SELECT 'a", "SELECT [a", "SELECT /* 1", "SELECT $1", "SELECT \\", "SELECT \u00e9",
    "SELECT 1 \u2019;DROP TABLE t",
    "SELECT\u00a01", "\ufeffSELECT 1", "SELECT 1 -- \u2028 DELETE t", "SELECT 1 --\rDELETE t",
    "SELECT 1\x00DELETE t",
    "SELECT '\ud800'", "DBCC CHECKDB", "BACKUP DATABASE x TO DISK = 'y'", "SELECT 1 GRANT SELECT ON t TO u",
    "USE x",
    "SELECT " + "1," * LONGEST_STATEMENT + "1", "SELECT N'" + "\u20ac" * (LONGEST_STATEMENT // 2) + "'",
]  # fmt: skip
#: Pieces of statements, put together at random.
FRAGMENTS = [
    " ", "\n", ";", "'", "''", "N'", "[", "]", '"', "--", "/*", "*/", "(", ")", ",", " b", " FROM t",
    " INTO u",
    " SELECT 1", " UNION SELECT 1", " DELETE t", " UPDATE t SET a = 1", " EXEC p", " DROP TABLE t",
    " WHERE a = 1",
    " 'x'", " -- x\n", " /* x */", " WITH (NOLOCK)", " FOR XML PATH", " AS c", " 1e", " 0x", " @v",
    " FROM [t]",
]  # fmt: skip
#: What may stand between two words.
GAPS = [" ", "\n", "\r\n\t", "/**/", " /* it's SELECT */ ", "-- '\n", "/*;*/"]


@pytest.mark.parametrize("text", READS)
def test_single_select_only_reads(text: str) -> None:
    assert only_reads(text)


@pytest.mark.parametrize("text", MAY_WRITE_IN_FIREBIRD)
def test_text_that_firebird_reads_may_write(text: str) -> None:
    assert not only_reads(text)


@pytest.mark.parametrize("text", MAY_WRITE, ids=lambda text: text[:40])
def test_anything_else_may_write(text: str) -> None:
    assert not only_reads(text)


@given(
    st.data(),
    st.sampled_from([text for text in READS if "--" not in text and "'" not in text and "1e" not in text]),
)
def test_comments_and_spaces_do_not_count(data: st.DataObject, text: str) -> None:
    words = text.split(" ")
    gaps = [data.draw(st.sampled_from(GAPS)) for _ in words]
    assert only_reads("".join(word + gap for word, gap in zip(words, gaps, strict=True)))


@given(
    st.sampled_from(READS),
    st.sampled_from(
        ["EXEC p", "DROP TABLE t", "DELETE t", "INSERT t VALUES (1)", "TRUNCATE TABLE t", "SELECT 2"]
    ),
    st.sampled_from(["\n", ";", "; ", "\n;", "/**/ ", "\r\n\t"]),
)
def test_second_statement_is_seen(first: str, second: str, gap: str) -> None:
    assert not only_reads(f"{first}{gap}{second}")
    assert not only_reads(f"{second}{gap}{first}")


@given(st.text(st.sampled_from("SELECT 1'\"[]-*/;()@\n\\"), max_size=30))
def test_word_that_writes_is_seen_unless_it_is_quoted(noise: str) -> None:
    """Whatever stands around it: a text with DELETE as a word of its own is never taken for a reading one."""
    text = f"SELECT {noise} DELETE t"
    if only_reads(text):
        assert any(mark in noise for mark in ("'", '"', "[", "--", "/*"))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join))
def test_sqlglot_reads_one_query_too(rest: str) -> None:
    """Of what it can read; a text that only one of both readers can read is not compared."""
    text = f"SELECT a {rest}"
    with suppress(SqlglotError):
        parsed = sqlglot.parse(text, dialect="tsql")
        statements = [each for each in parsed if each and not isinstance(each, exp.Semicolon)]
        if only_reads(text):
            assert [isinstance(each, exp.Query) for each in statements] == [True]
            assert not list(statements[0].find_all(exp.Into, exp.DML, exp.Command))


def test_long_statement_is_judged_in_linear_time() -> None:
    assert only_reads("SELECT " + "(" * 10_000 + "1" + ")" * 10_000)
    assert not only_reads("SELECT " + "/*" * 20_000)
