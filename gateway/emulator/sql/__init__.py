"""The database of a practice as SQL Passthrough sees it: stored procedures and a subset of T-SQL.

Executed, by SQL Server's documented rules (Microsoft Learn):

- commands of `type: storedProcedure`: a name of 1 to 4 parts, `x`, `[a]]b]`, `"x"`, `db..p`; parameters
  converted from strings as SqlClient does; errors 201, 8143, 8144, 8145, 8162, 2812; output,
  inputOutput, returnValue;
- commands of `type: text`, with `command.parameters` as variables (as sp_executesql declares them):
  `DECLARE @x [AS] type [= expression][, …]`, `SET @x = expression`,
  `EXEC[UTE] [@ret =] procedure [[@p =] value [OUTPUT | OUT]][, …]` (EXECUTE may be left out of the first
  statement), `SELECT expression [[AS] name][, …]` without FROM; `;` between statements is optional;
- expressions: `'…'`, `N'…'` (doubled quotes, backslash before a line break), `0x…`, integers, decimals,
  NULL, variables, `+` of strings or of binaries (cut to 8,000 bytes unless an operand is of a (max)
  type), parentheses, CAST, CONVERT with style 0, 1 or 2, NCHAR (collation without supplementary
  characters), DATALENGTH;
- all scalar types; varchar and char lose what code page 1252 lacks (`?`); types cut silently to their
  length;
- comments (`--`, nested `/* */`); errors 102, 103, 105, 113, 119, 131, 134, 137, 156, 179, 191, 1001,
  2715, 2717, 2739 before anything runs; 241, 245, 257, 402, 8114, 8115, 8169, 9402 while it runs (SQL
  Server finds 257 and 402 before). An error of one EXECUTE does not stop the statements that follow it:
  the first error is reported after them, as SqlClient does.

Not executed, with an error 102 that says so: every other statement (INSERT, IF, BEGIN, SET of an
option, …), dynamic SQL `EXEC (…)`, `EXEC @name`, `p;1`, WITH, AT, `SET @x +=`, arithmetic, other
functions, other styles, COLLATE, money and float constants, and a SELECT with FROM in one batch with an
EXECUTE. A batch with any other SELECT and without an EXECUTE raises NotExecuted after its variables and
literals were checked. Types sql_variant, table and CLR types are refused. Not emulated: best-fit
mapping of code page 1252, other collations, the form of XML, limits on the size of a batch or the depth
of an expression, databases and servers (any is accepted, and recorded).

A run records the exact values that the procedure got, and does nothing else: an integer OUTPUT
parameter gets the number of the run, any other keeps the value that was passed.
"""
