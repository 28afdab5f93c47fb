"""What both command lines print without a table: errors in two lines, JSON for programs."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import click

from headwater.errors import GraphError, HeadwaterError, Location, shown


def print_json(value: Any) -> None:
    """Print a value as JSON, on one stream, nothing else; NaN and infinities become texts."""
    write = partial(json.dumps, indent=2, default=str, ensure_ascii=False, allow_nan=False)
    try:
        text = write(value)
    except ValueError:  # JSON has no such numbers
        text = write(_without_nan(value))
    click.echo(text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    return [_without_nan(each) for each in value] if isinstance(value, list | tuple) else value


def print_error(error: HeadwaterError) -> None:
    """Print what happened and what to do, in two lines; of gathered faults each in two."""
    for part in error.parts:
        hint = part.hint or "Run again with --debug to see more."
        click.echo(f"error: {shown(part.headline)}", err=True)  # names may hold anything
        click.echo(f"  fix: {shown(hint)}", err=True)


def print_traceback(error: BaseException) -> None:
    """Print the traceback of an error and of each gathered fault's cause, with Spark's own texts.

    Spark's errors ask the JVM for their text when they are printed; by then it has mostly ended.
    """
    faults = error.faults if isinstance(error, GraphError) else ()
    for each in (error, *filter(None, [fault.__cause__ for fault in faults])):
        traceback.print_exception(each)
        for text in _texts_out_of_reach(each):
            click.echo(text, err=True)


def _texts_out_of_reach(error: BaseException) -> Iterator[str]:
    for each in _chain(error):
        try:
            str(each)
        except Exception:
            said = [getattr(each, name, None) for name in ("_desc", "_stackTrace")]
            yield "\n\n".join([f"{type(each).__name__} said:", *filter(None, said)])


def _chain(error: BaseException) -> list[BaseException]:
    """List an error and those behind it, as a traceback shows them."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found:
        found.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return found


def print_cause(error: HeadwaterError) -> None:
    """Print below a line of the result why what it tells of was not done, and what to do."""
    click.echo(f"  {shown(error.headline)}")
    click.echo(f"  fix: {shown(error.hint)}")


def error_json(error: HeadwaterError | None) -> dict[str, Any] | None:
    """Make the JSON form of an error, None where there is none."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint}


def place_json(code: str, message: str, where: Location, hint: str) -> dict[str, Any]:
    """Make the JSON form of a warning or a finding."""
    return {
        "code": code,
        "message": message,
        "file": where.file,
        "line": where.line,
        **({"cell": where.cell} if where.cell else {}),
        "hint": hint,
    }


def task_line(name: str, kind: str, state: str, seconds: float, rows: int | None, said: str) -> str:
    """Write how a task of a job ended as a line."""
    count = "" if rows is None else f"{rows:,} row{'' if rows == 1 else 's'}"
    line = f"{state:<15}  {shown(name):<30}  {kind:<17}  {seconds:>7.1f} s  {count:<14}  "
    return f"{line}{shown(said)}".rstrip()
