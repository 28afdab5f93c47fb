"""Define and open a batch read of files, as `read_files` does it: no state, all files each time.

Columns are inferred anew each time. What does not live here: streams (`stream`).
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from headwater.autoloader.discovery import check_base
from headwater.autoloader.manifest import Entry
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.schema_log import SourceSchema
from headwater.autoloader.source import corrupt_file, read_source
from headwater.autoloader.source_files import SourceFiles
from headwater.autoloader.source_schema import SchemaLookup


def define_batch(spark: SparkSession, request: CloudFiles, place: SourceState) -> DataFrame:
    """Return a batch DataFrame with the columns of the files and without rows.

    Raises:
        DefinitionError: wrong options, SOURCE_PATH_NOT_FOUND, AUTOLOADER_SCHEMA_REQUIRED.
        SourceFileError: SOURCE_FILE_CORRUPT, when the schema is inferred from such a file.
    """
    source = read_source(spark, request, place)
    check_base(request, source.storage)
    schema = SchemaLookup(source).schema(save=False)
    plan = StreamPlan(spark, source.options, place.folder, schema, schema.data, is_batch=True)
    return source.files(schema.partitions).frame(plan)


def open_batch(spark: SparkSession, request: CloudFiles, place: SourceState) -> DataFrame:
    """Return a batch DataFrame of all files that are there now.

    Columns that only files beyond the sample have are added. Only copies of files that Spark
    can't read as they are get written, below the folder of `place`.

    Raises:
        DefinitionError: as for `define_batch`.
        SourceFileError: SOURCE_FILE_CORRUPT, SOURCE_FILE_TYPE_MISMATCH.
    """
    source = read_source(spark, request, place)
    schema, files = SchemaLookup(source).schema(save=False), SourceFiles(source)
    file_format = source.files(schema.partitions)
    listed = source.listed()
    broken = file_format.broken(listed)
    if broken and not source.options.ignore_corrupt:
        raise corrupt_file(*next(iter(broken.items())))
    whole = [file for file in listed if file not in broken]
    findings = file_format.inspect(whole, schema.data)
    if source.options.adds_columns:
        schema = SourceSchema(findings.wide, schema.partitions)
    entries = []
    for file in whole:
        path = files.readable(file_format, file, findings)
        entries.append(Entry(path, file.size, file.modified_ns))
    files.sweep(entries)
    return file_format.frame(
        StreamPlan(
            spark, source.options, place.folder, schema, findings.wide, entries, is_batch=True
        )
    )
