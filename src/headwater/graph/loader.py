"""Run a pipeline's source files, so that they declare their datasets.

A file gets the globals that a workspace gives it (`spark`, `dbutils`, `display`). What does not
live here: reading a file's text (`sources`), what it imports (`dependencies`), and evaluating the
dataset functions, which happens later and often (`sandbox.evaluate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headwater.errors import DefinitionError, HeadwaterError, Location
from headwater.graph.dependencies import check_pip
from headwater.graph.locations import location_of, run_at, user_line
from headwater.graph.registry import Registry
from headwater.graph.sources import Piece, read_source
from headwater.graph.sql_source import SqlFile
from headwater.sql.split import split_statements


def load_files(
    files: Sequence[Path],
    registry: Registry,
    namespace: Mapping[str, Any],
    said: Callable[[BaseException], str] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Execute each source file; an error in one becomes a fault, the others still run.

    Args:
        files: `.py` and `.sql` files and notebooks, in order.
        registry: gets the declarations; `bound_modules` must be active.
        namespace: global names that every file gets; SQL runs in its `spark`.
        said: describes an exception; by its first line when not given.
        parameters: values of `:name` in SQL.
    """
    for file in files:
        try:
            _load(file, registry, namespace, parameters or {})
        except HeadwaterError as error:
            registry.faults.append(error)
        except (Exception, SystemExit) as error:
            registry.faults.append(_import_fault(file, error, said or _class_and_line))
        registry.use()  # USE holds up to the end of its file
    registry.close()


def _load(
    file: Path, registry: Registry, namespace: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    names = _globals_of(file, namespace)  # cells share their names
    session: Any = namespace.get("spark")
    sql = SqlFile(registry, session, parameters)
    source = read_source(file)
    registry.files.extend(dict.fromkeys(each.file for each in source.pieces))
    for piece, code in source.compiled():
        if code is not None:
            run_at(piece.location(), exec, code, names)
        elif piece.cell.kind == "pip":
            run_at(piece.location(piece.cell.line), check_pip, piece.cell.text)
        else:
            _declare(sql, piece)


def _declare(sql: SqlFile, piece: Piece) -> None:
    for statement in split_statements("\n" * (piece.cell.line - 1) + piece.cell.text):
        start = piece.location(statement.line, statement.column)
        run_at(replace(start, column=0), sql.declare, statement, start)


def _globals_of(file: Path, namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {"__name__": "__main__", "__file__": str(file), **namespace}


_MISSING = "TABLE_OR_VIEW_NOT_FOUND"


def _class_and_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _import_fault(
    file: Path, error: BaseException, said: Callable[[BaseException], str]
) -> DefinitionError:
    if isinstance(error, SyntaxError):
        where = location_of(error.filename or str(file), error.lineno or 0)
        return DefinitionError("SOURCE_SYNTAX", f"{error.msg}", where=where, hint="Fix the syntax.")
    fault = DefinitionError(
        "SOURCE_FAILED",
        f"The file could not be loaded: {said(error)}",
        where=user_line(error, Location(str(file))),
        hint=_hint(error),
        exception=type(error).__name__,
    )
    fault.__cause__ = error
    return fault


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            "Add the package to `environment.dependencies` of the pipeline, or put its folder "
            "below `root_path`."
        )
    if isinstance(error, ImportError):
        return "Run the file's imports in a Python prompt to see more, or use --debug."
    if _MISSING in str(error):
        return "Create the table first, with `headwater sql` or another pipeline of this target."
    return "Correct that line; --debug shows the traceback."


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "(no message)"
