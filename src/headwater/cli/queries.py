"""`headwater sql`."""

from __future__ import annotations

from pathlib import Path

from headwater.cli.endings import warn
from headwater.cli.render import print_json, print_rows
from headwater.cli.sessions import command_session
from headwater.errors import HeadwaterError, UsageError
from headwater.machine.jvm import ignore_interrupt
from headwater.sandbox.result_rows import rows_of
from headwater.sandbox.statements import run_statements
from headwater.state.migrations import prepare_state
from headwater.state.target import Target

MAX_ROWS = 1000


def sql_text(statements: str | None, file: Path | None) -> str:
    """Take the SQL from the argument or the file, exactly one of them."""
    if (statements is None) == (file is None):
        raise UsageError(
            "SQL_EMPTY",
            "Pass the SQL either as an argument or with -f",
            hint='Try: headwater sql "SHOW TABLES"',
        )
    if file is None:
        return statements or ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "FILE_UNREADABLE",
            f"The SQL file can't be read: {type(error).__name__}: {file}",
            hint="Name a UTF-8 file.",
        ) from None


def run_sql(
    target: Target, text: str, *, file: Path | None, master: str | None, as_json: bool
) -> None:
    """Run statements and print the last result; as a table, at most `MAX_ROWS` rows of it.

    Args:
        file: that the text is from, for errors.
    """
    prepare_state(target.store.root)
    with command_session(target, master=master, quick=True) as spark:
        try:
            frame = run_statements(spark, target, text, warn, file)
            columns = [] if frame is None else frame.columns
            limit = None if as_json else MAX_ROWS + 1
            rows = [] if frame is None else rows_of(frame, limit, keeps_zeros=not as_json)
        except KeyboardInterrupt:
            ignore_interrupt()
            raise HeadwaterError(
                "INTERRUPTED",
                "Stopped by an interrupt",
                hint="What statements before had written stays: look before you run them again.",
            ) from None
    if as_json:
        print_json(rows)
    elif columns:
        print_rows(rows[:MAX_ROWS], columns)
    if not as_json and len(rows) > MAX_ROWS:
        warn(f"these are the first {MAX_ROWS:,} rows; --json prints all")
