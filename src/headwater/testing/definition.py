"""What a test tests: source files or a bundle's pipeline, and what the test itself declares."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headwater.bundle import Bundle, PipelineSpec
from headwater.errors import HeadwaterError, Location, UsageError, nearest
from headwater.graph.locations import function_location, run_at
from headwater.graph.registry import Registry

SUFFIXES = (".py", ".ipynb", ".sql")
KEY = "test"

Function = Callable[..., Any]


@dataclass(frozen=True)
class Definition:
    """A pipeline as a test has put it together.

    Attributes:
        functions: declare datasets, as a source file does.
        only: the datasets that are tested; all when empty.
    """

    bundle: Bundle
    spec: PipelineSpec
    functions: tuple[Function, ...] = ()
    only: tuple[str, ...] = ()

    def with_spec(self, **changes: Any) -> Definition:
        """Return the definition with other fields of its spec."""
        spec = replace(self.spec, **changes)
        bundle = replace(self.bundle, pipelines={**self.bundle.pipelines, spec.key: spec})
        return replace(self, bundle=bundle, spec=spec)

    def with_files(self, files: Sequence[Path]) -> Definition:
        """Return the definition with further source files."""
        return self.with_spec(source_files=(*self.spec.source_files, *files))

    def with_function(self, function: Function) -> Definition:
        """Return the definition with a further function that declares datasets.

        Raises:
            UsageError: DEFINITION_PARAMETER.
        """
        for name in inspect.signature(function).parameters:
            if name not in NAMES:
                raise UsageError(
                    "DEFINITION_PARAMETER",
                    f"'{function.__name__}' takes '{name}', which a source file does not get",
                    where=function_location(function),
                    hint=nearest(name, NAMES) or f"It may take: {', '.join(NAMES)}.",
                )
        return replace(self, functions=(*self.functions, function))

    def declare(self, registry: Registry) -> None:
        """Run the functions, so that they declare their datasets."""
        for function in self.functions:
            where = function_location(function)
            names = inspect.signature(function).parameters
            registry.files.append(Path(where.file))
            try:
                run_at(where, function, *(NAMES[name]() for name in names))
            except HeadwaterError as error:
                registry.faults.append(error)
        registry.close()
        registry.share_deletes()


def _of_runtime(name: str) -> Callable[[], Any]:
    return lambda: getattr(sys.modules["databricks.sdk.runtime"], name)


NAMES: Mapping[str, Callable[[], Any]] = {
    "dp": lambda: sys.modules["pyspark.pipelines"],
    "dlt": lambda: sys.modules["dlt"],
    **{name: _of_runtime(name) for name in ("spark", "dbutils", "display")},
}
"""What functions that declare datasets may take, and where it is while an update runs."""


def empty_definition(root: Path) -> Definition:
    """Return a pipeline without datasets, in schema `main.test`."""
    spec = PipelineSpec(
        key=KEY,
        name=KEY,
        catalog="main",
        schema="test",
        source_files=(),
        root_path=None,
        configuration={},
        parameters={},
        dependencies=(),
        continuous=False,
        development=False,
        no_effect=(),
        location=Location(str(root)),
    )
    bundle = Bundle(KEY, root, KEY, None, {}, {}, {KEY: spec}, {}, {})
    return Definition(bundle, spec)


def source_files(paths: Sequence[str | Path], root: Path) -> list[Path]:
    """Return source files, and those of folders sorted by path.

    Args:
        root: what relative paths start from.

    Raises:
        UsageError: SOURCE_MISSING, for a path at which there is none.
    """
    found: list[Path] = []
    for each in paths:
        path = root / each
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix in SUFFIXES]
        files = inside if path.is_dir() else [path] if path.is_file() else []
        if not files:
            near = [p.relative_to(root).as_posix() for p in path.parent.glob("*")]
            raise UsageError(
                "SOURCE_MISSING",
                f"No source file at '{each}'",
                where=str(path),
                hint=nearest(str(each), near)
                or "Relative paths start at pytest's root directory; .py, .sql and .ipynb count.",
            )
        found.extend(files)
    return found
