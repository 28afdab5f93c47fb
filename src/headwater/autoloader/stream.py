"""Define and open an Auto Loader source: the only functions the engine calls.

`define_stream` answers while the graph is resolved, `open_stream` when a flow runs. What does not
live here: how a format is inspected and read (`formats`).
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from headwater.autoloader.bad_records import write_bad_records
from headwater.autoloader.discovery import check_base
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.source import read_source
from headwater.autoloader.source_files import SourceFiles
from headwater.autoloader.source_schema import SchemaLookup

_NOWHERE = "*.nowhere"
"""A glob that matches nothing: Spark does not look for it before a stream starts."""


def define_stream(
    spark: SparkSession, request: CloudFiles, place: SourceState, *, save: bool
) -> DataFrame:
    """Return a streaming DataFrame with the columns of a source; it is never started.

    Infers the schema when none is given and none is saved. Safe to call many times.

    Args:
        save: whether an inferred schema is saved; when False, nothing is written.

    Raises:
        DefinitionError: wrong options, SOURCE_PATH_NOT_FOUND, AUTOLOADER_SCHEMA_REQUIRED.
        SourceFileError: SOURCE_FILE_CORRUPT, when the schema is inferred from such a file.
    """
    source = read_source(spark, request, place)
    check_base(request, source.storage)
    schema = SchemaLookup(source).schema(save=save)
    return source.files(schema.partitions).frame(
        StreamPlan(spark, source.options, place.folder / _NOWHERE, schema, schema.data)
    )


def open_stream(spark: SparkSession, request: CloudFiles, place: SourceState) -> DataFrame:
    """Enter new files and return the stream that reads what is entered and not committed.

    Start it with the trigger `availableNow` and the checkpoint of `place`. A file is read exactly
    once: a kill at any moment leaves it entered or to be found again. Files that land later are
    left to the next call.

    Raises:
        DefinitionError: as for `define_stream`.
        SchemaChange: new columns; the wider schema is saved, call everything again.
        UpdateError: UNKNOWN_FIELD under `failOnNewColumns`.
        SourceFileError: SOURCE_FILE_CORRUPT, SOURCE_FILE_MISSING, SOURCE_FILE_TYPE_MISMATCH.
    """
    source = read_source(spark, request, place)
    schemas, files = SchemaLookup(source), SourceFiles(source)
    listing = files.find()
    schema = schemas.schema(save=True)
    file_format = source.files(schema.partitions)
    files.set_aside_broken(file_format, listing)
    findings = file_format.inspect(listing.unread(source.storage), schema.data)
    schemas.evolve(findings, schema)
    files.enter(file_format, listing, findings)
    pending = files.pending()
    files.sweep(pending)
    manifest = files.manifest.folder
    plan = StreamPlan(spark, source.options, manifest, schema, findings.wide, pending)
    write_bad_records(file_format, plan, place.folder / "bad-records")
    return file_format.frame(plan)
