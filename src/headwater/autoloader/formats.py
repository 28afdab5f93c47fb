"""The formats of Auto Loader: one row each, and one class each that reads its files.

A new format is a row here and a class that follows `findings.FileFormat`: options, hints and the
stream take whatever differs between formats from its row. What does not live here: options that
mean the same in every format (`option_tables`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from pyspark.sql.types import StructType

from headwater.autoloader.binary_files import COLUMNS as BINARY
from headwater.autoloader.binary_files import BinaryFiles
from headwater.autoloader.csv_files import CsvFiles
from headwater.autoloader.findings import Context, FileFormat
from headwater.autoloader.json_files import JsonFiles
from headwater.autoloader.json_texts import JsonTexts
from headwater.autoloader.parquet_files import ParquetFiles
from headwater.autoloader.spark_files import AvroFiles, OrcFiles
from headwater.autoloader.text_files import COLUMNS, TextFiles
from headwater.autoloader.xml_files import XmlFiles

ANY = ""
"""Stands for every value of an option that a format refuses."""


class Wide(Enum):
    """Whether files in UTF-16 and UTF-32 are read."""

    NEVER = "never"
    MULTI_LINE = "with multiLine"


@dataclass(frozen=True)
class Format:
    """What Auto Loader knows of one format.

    Attributes:
        name: as `cloudFiles.format` has it.
        label: as messages have it.
        reader: what inspects, copies and reads the files of one source.
        options: what is passed to Spark's reader unchanged, as it is usually spelled.
        refuses: options with the value that the format can't do, or `ANY`.
        wide: whether two-byte encodings are read; None where files are not text.
        is_remote: whether files are read from Azure storage.
        rescues: whether there is a rescued data column.
        has_bad_records: whether records that can't be read are told from others.
        widens: whether types of columns may grow with the files.
        variant: returns the options with which Spark reads a record as one VARIANT; None if it
            can't.
        needs: an option that must be given, "" for none.
        fixed: the columns of every file, None where files have columns of their own.
    """

    name: str
    label: str
    reader: Callable[[Context], FileFormat]
    options: tuple[str, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict)
    wide: Wide | None = None
    is_remote: bool = False
    rescues: bool = True
    fixed: StructType | None = None
    has_bad_records: bool = False
    widens: bool = False
    variant: Callable[[Context], Mapping[str, str]] | None = None
    needs: str = ""

    @property
    def option_names(self) -> frozenset[str]:
        """The options of the reader in lower case."""
        return frozenset(each.lower() for each in self.options)


_ENCODING = ("encoding", "charset", "lineSep")
_TYPED_TEXT = (*_ENCODING, "dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone")

_ROWS = (
    Format(
        "parquet",
        "Parquet",
        ParquetFiles,
        options=("datetimeRebaseMode", "int96RebaseMode"),
        is_remote=True,
        widens=True,
    ),
    Format(
        "json",
        "JSON",
        JsonFiles,
        options=(
            *_TYPED_TEXT,
            "primitivesAsString",
            "prefersDecimal",
            "inferTimestamp",
            "allowComments",
            "allowSingleQuotes",
            "allowNonNumericNumbers",
            "allowNumericLeadingZeros",
            "allowUnquotedFieldNames",
            "allowUnquotedControlChars",
            "allowBackslashEscapingAnyCharacter",
        ),
        refuses={"readerCaseSensitive": "false"},
        wide=Wide.NEVER,
        has_bad_records=True,
        widens=True,
        variant=lambda context: JsonTexts(context).reader(),
    ),
    Format(
        "csv",
        "CSV",
        CsvFiles,
        options=(
            *_TYPED_TEXT,
            "sep",
            "delimiter",
            "quote",
            "escape",
            "charToEscapeQuoteEscaping",
            "comment",
            "nullValue",
            "emptyValue",
            "ignoreLeadingWhiteSpace",
            "ignoreTrailingWhiteSpace",
            "maxColumns",
            "maxCharsPerColumn",
            "preferDate",
            "unescapedQuoteHandling",
        ),
        wide=Wide.MULTI_LINE,
        has_bad_records=True,
        widens=True,
        variant=lambda context: CsvFiles(context).reader(),
    ),
    Format(
        "text",
        "text",
        TextFiles,
        options=(*_ENCODING, "wholeText"),
        refuses={"rescuedDataColumn": ANY, "cloudFiles.schemaEvolutionMode": "rescue"},
        wide=Wide.NEVER,
        rescues=False,
        fixed=COLUMNS,
    ),
    Format(
        "binaryFile",
        "binaryFile",
        BinaryFiles,
        refuses={"rescuedDataColumn": ANY, "cloudFiles.schemaEvolutionMode": "rescue"},
        rescues=False,
        fixed=BINARY,
    ),
    Format("orc", "ORC", OrcFiles, refuses={"readerCaseSensitive": "false"}),
    Format(
        "avro",
        "Avro",
        AvroFiles,
        options=("datetimeRebaseMode",),
        refuses={"readerCaseSensitive": "false"},
    ),
    Format(
        "xml",
        "XML",
        XmlFiles,
        options=(
            *(each for each in _TYPED_TEXT if each != "lineSep"),
            "rowTag",
            "attributePrefix",
            "valueTag",
            "excludeAttribute",
            "ignoreNamespace",
            "ignoreSurroundingSpaces",
            "nullValue",
            "wildcardColName",
        ),
        refuses={"readerCaseSensitive": "false"},
        wide=Wide.NEVER,
        needs="rowTag",
        variant=lambda context: XmlFiles(context).reader(),
    ),
)

FORMATS = {each.name.lower(): each for each in _ROWS}
"""Each supported format by its name in lower case."""

OF_DATABRICKS = ("avro", "binaryFile", "csv", "json", "orc", "parquet", "text", "xml")
"""Every format that Databricks documents; each has a row."""

READER_OPTIONS = frozenset(name for row in _ROWS for name in row.option_names)
"""Options of any format's reader, in lower case: each is known, whatever the format is."""

SPELLINGS = tuple(dict.fromkeys(name for row in _ROWS for name in row.options))
"""The usual spelling of these options, for hints."""


def remote_labels() -> str:
    """Name the formats that are read from Azure storage."""
    return " or ".join(row.label for row in _ROWS if row.is_remote)
