"""Find out which further jars a pipeline asks for, before its session starts.

The class path of a JVM is fixed at its start, and pipeline code can't run before: its text is
looked through for the word. A word too many costs a download; for a word that stands elsewhere,
such as in a table of metadata, there is the configuration key `headwater.connectors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.bundle import Bundle, PipelineSpec
from headwater.errors import DefinitionError, UsageError
from headwater.graph.arguments import fault
from headwater.graph.sources import SourceText, read_source
from headwater.lint.files import sources_of
from headwater.machine.connectors import CONNECTORS, Connector, is_loaded, reason

SETTING = "headwater.connectors"
"""Configuration key: asks for connectors by their words, separated by commas."""


def connectors_of(spec: PipelineSpec, root: Path) -> tuple[str, ...]:
    """Return the words of the connectors that a pipeline asks for.

    Looks at the text of its source, of the modules that it imports of the bundle, and at its
    configuration.

    Args:
        root: the bundle's folder.
    """
    texts = [text.lower() for text in _texts(spec, root)]
    return tuple(each.word for each in CONNECTORS if any(each.word in text for text in texts))


def connectors_of_all(bundle: Bundle) -> tuple[str, ...]:
    """Return the words of the connectors that any pipeline of a bundle asks for."""
    specs = bundle.pipelines.values()
    found = [word for spec in specs for word in connectors_of(spec, bundle.root)]
    return tuple(dict.fromkeys(found))


def _texts(spec: PipelineSpec, root: Path) -> Iterator[str]:
    yield from spec.configuration.values()
    yield from spec.parameters.values()
    own = [spec.root_path] if spec.root_path else []
    folders = [*own, *(file.parent for file in spec.source_files), root, root / "src"]
    for source, _ in sources_of(spec.source_files, list(dict.fromkeys(folders)), read_text):
        yield from (piece.cell.text for piece in source.pieces)


def read_text(file: Path) -> SourceText | None:
    """Read a source file; None for one that can't be read, which the loader reports."""
    try:
        return read_source(file)
    except (DefinitionError, UsageError):
        return None


def require(spark: SparkSession, connector: Connector) -> None:
    """Check that a session has a connector, which user code is about to use.

    Raises:
        DefinitionError: CONNECTOR_MISSING, at the user's line.
    """
    if is_loaded(spark, connector):
        return
    why = reason(spark, connector)
    raise fault(
        "CONNECTOR_MISSING",
        f"{connector.title} can't be used here: {why or 'the session began without its jars'}",
        "Check the network, or set HEADWATER_MAVEN_REPOSITORY to a mirror."
        if why
        else f"Set {SETTING}: {connector.word} under `configuration` of the pipeline.",
        connector=connector.word,
    )
