"""Every option of a reader that is accepted acts, with a rescued data column and without.

A file has one record for each option, which reads otherwise without it. Options that steer
inference are tried at the schema.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from headwater.autoloader import option_tables as tables
from headwater.autoloader.formats import READER_OPTIONS
from headwater.errors import SourceFileError
from spark.test_autoloader_support import Loader

TYPES = {"cloudFiles.inferColumnTypes": "true"}
SCHEMA = "k STRING, x DOUBLE, d DATE, t TIMESTAMP, n TIMESTAMP_NTZ, bad STRING"
TEXT_OPTIONS = {
    "dateFormat": "dd/MM/yyyy",
    "timestampFormat": "dd/MM/yyyy HH",
    "timestampNTZFormat": "HH:mm dd/MM/yyyy",
    "columnNameOfCorruptRecord": "bad",
    "timeZone": "+01:00",
    "lineSep": ";",
}
JSON_OPTIONS = TEXT_OPTIONS | {
    "allowComments": "true",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
    "allowNumericLeadingZeros": "true",
    "allowUnquotedFieldNames": "true",
    "allowUnquotedControlChars": "true",
    "allowBackslashEscapingAnyCharacter": "true",
}
JSON_RECORDS = {
    '{"k":"line"}': ("line", None, None),
    '{"k":"note"/* note */}': ("note", None, None),
    "{'k':'single'}": (None, None, "{'k':'single'}"),
    '{"x":NaN}': (None, None, '{"x":NaN}'),
    '{"k":"zeros","x":007}': ("zeros", "7.0", None),
    '{k:"name"}': ("name", None, None),
    '{"k":"ta\tb"}': ("ta\tb", None, None),
    r'{"k":"\q"}': ("q", None, None),
    '{"k":"d","d":"31/12/2023"}': ("d", "2023-12-31", None),
    '{"k":"t","t":"31/12/2023 05"}': ("t", "2023-12-31 04:00:00", None),
    '{"k":"n","n":"05:30 31/12/2023"}': ("n", "2023-12-31 05:30:00", None),
}
CSV_OPTIONS = TEXT_OPTIONS | {
    "header": "true",
    "sep": "|",
    "quote": "'",
    "escape": "^",
    "charToEscapeQuoteEscaping": "~",
    "comment": "#",
    "nullValue": "-",
    "emptyValue": "none",
    "ignoreLeadingWhiteSpace": "true",
    "ignoreTrailingWhiteSpace": "true",
    "unescapedQuoteHandling": "STOP_AT_CLOSING_QUOTE",
}
CSV_RECORDS = {
    "line|0|||": ("line", "0.0", None),
    " lead|1|||": ("lead", "1.0", None),
    "trail |1|||": ("trail", "1.0", None),
    "'quo|te'|1|||": ("quo|te", "1.0", None),
    "'esc^'ape'|1|||": ("esc'ape", "1.0", None),
    "'char~^'|1|||": ("char^", "1.0", None),
    "#note|1|||": None,
    "-|2|||": (None, "2.0", None),
    "''|1|||": ("none", "1.0", None),
    "'un'escaped'|1|||": ("un'escaped", "1.0", None),
    "d||31/12/2023||": ("d", "2023-12-31", None),
    "t|||31/12/2023 05|": ("t", "2023-12-31 04:00:00", None),
    "n||||05:30 31/12/2023": ("n", "2023-12-31 05:30:00", None),
    "long|||||more": ("long", None, "long|||||more"),
}
STEERS_INFERENCE = {
    ("json", "primitivesAsString", "true"): ('{"v":1}', "string"),
    ("json", "prefersDecimal", "true"): ('{"v":0.5}', "decimal(1,1)"),
    ("json", "inferTimestamp", "true"): ('{"v":"2024-01-01T01:02:03"}', "timestamp"),
    ("csv", "preferDate", "false"): ("v\n2024-01-01\n", "timestamp"),
}
LIMITS = {"maxColumns": "1", "maxCharsPerColumn": "5"}
REBASES = {"datetimeRebaseMode": "LEGACY", "int96RebaseMode": "LEGACY"}
OTHER_TESTS = {
    # in test_autoloader_json and test_autoloader_csv
    "multiLine",
    "mode",
    "encoding",
    "charset",
    "rescuedDataColumn",
    "readerCaseSensitive",
    "parserCaseSensitive",
    # in test_autoloader_csv: another name of `sep`
    "delimiter",
    # in test_autoloader_text
    "wholeText",
    # in test_autoloader_xml
    "rowTag",
    "attributePrefix",
    "valueTag",
    "excludeAttribute",
    "ignoreNamespace",
    "ignoreSurroundingSpaces",
    "wildcardColName",
    # in tests of their own
    "singleVariantColumn",
    "badRecordsPath",
    # in test_autoloader_source and test_autoloader_discovery
    "pathGlobFilter",
    "ignoreCorruptFiles",
    "ignoreMissingFiles",
    "modifiedAfter",
    "modifiedBefore",
}


def _loader(spark: SparkSession, root: Path, file_format: str, **options: str) -> Loader:
    found = Loader(spark, root, file_format, options)
    found.landing.mkdir()
    return found


def test_every_accepted_option_is_tried() -> None:
    tried = {*JSON_OPTIONS, *CSV_OPTIONS, *LIMITS, *REBASES, *OTHER_TESTS}
    tried |= {name for _, name, _ in STEERS_INFERENCE}
    accepted = tables.BUILT | READER_OPTIONS
    assert {name.lower() for name in tried} == {each for each in accepted if "." not in each}


@pytest.mark.parametrize("rescues", [False, True])
@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_options_of_text_act(
    spark: SparkSession, tmp_path: Path, file_format: str, rescues: bool
) -> None:
    options, records = JSON_OPTIONS, dict[str, tuple[str | None, ...] | None](JSON_RECORDS)
    header = ""
    if file_format == "csv":
        options, records, header = CSV_OPTIONS, dict(CSV_RECORDS), "k|x|d|t|n;"
    loader = _loader(spark, tmp_path, file_format, **options)
    loader.schema = SCHEMA
    if rescues:
        loader.options["rescuedDataColumn"] = "_rescued_data"
    loader.land("a.txt", header + ";".join(records))
    loader.run()
    texts = "coalesce(string(x), string(d), string(t), string(n))"
    found = loader.rows("k", texts, "bad", order="k, x, bad")
    assert sorted(found, key=str) == sorted(filter(None, records.values()), key=str)


@pytest.mark.parametrize(("file_format", "option", "value"), STEERS_INFERENCE)
def test_options_of_inference_act(
    spark: SparkSession, tmp_path: Path, file_format: str, option: str, value: str
) -> None:
    content, kind = STEERS_INFERENCE[file_format, option, value]
    for name, options in (("with", TYPES | {option: value}), ("without", TYPES)):
        (tmp_path / name).mkdir()
        loader = _loader(spark, tmp_path / name, file_format, **options)
        loader.land("a.txt", content)
        found = loader.define(save=False).schema["v"].dataType.simpleString()
        assert (found == kind) is (name == "with")


@pytest.mark.parametrize("option", LIMITS)
def test_limits_of_csv_act(spark: SparkSession, tmp_path: Path, option: str) -> None:
    loader = _loader(spark, tmp_path, "csv", header="true", **{option: LIMITS[option]})
    loader.schema = "a STRING, b STRING"
    bad = loader.land("a.csv", "a,b\n1,longer\n")
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.parameters["path"] == str(bad)


def test_rebase_modes_of_parquet_act(spark: SparkSession, tmp_path: Path) -> None:
    loader = _loader(spark, tmp_path, "parquet", **REBASES)
    day = dt.datetime(1500, 1, 1)
    columns = pa.table({"id": [1], "d": [day.date()], "t": pa.array([day], pa.timestamp("us"))})
    pq.write_table(columns, loader.landing / "a.parquet", use_deprecated_int96_timestamps=True)
    loader.run()
    assert loader.rows("string(d)", "date(t) < '1500-01-01'") == [("1499-12-23", True)]
