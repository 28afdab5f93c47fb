"""Every documented Auto Loader option, and what this runtime does with it.

Data only; `options` checks a request against it. Names are in lower case, because options are
case-insensitive. Source: docs.databricks.com, Auto Loader options, page of 2026-03-16.
"""

from __future__ import annotations

FORMATS = ("parquet", "json", "csv")
"""Supported formats."""

OTHER_FORMATS = ("avro", "binaryfile", "orc", "text", "xml")
"""Formats of Databricks that are refused by name."""

EVOLUTION_MODES = ("addNewColumns", "rescue", "failOnNewColumns", "none")

OTHER_MODES = ("addNewColumnsWithTypeWidening",)
"""Evolution modes of Databricks that are refused by name."""

BUILT = frozenset(
    {
        "cloudfiles.format",
        "cloudfiles.schemalocation",
        "cloudfiles.infercolumntypes",
        "cloudfiles.schemahints",
        "cloudfiles.schemaevolutionmode",
        "cloudfiles.partitioncolumns",
        "cloudfiles.includeexistingfiles",
        "cloudfiles.maxfilespertrigger",
        "cloudfiles.maxbytespertrigger",
        "cloudfiles.validateoptions",
        "rescueddatacolumn",
        "readercasesensitive",
        "pathglobfilter",
        "ignorecorruptfiles",
        "ignoremissingfiles",
        "modifiedafter",
        "modifiedbefore",
        "header",
        "multiline",
        "mode",
        "columnnameofcorruptrecord",
        "dateformat",
        "timestampformat",
        "timestampntzformat",
        "encoding",
        "charset",
    }
)
"""Options that have an effect here."""

NO_EFFECT = frozenset(
    {
        "cloudfiles.maxfileage",
        "cloudfiles.backfillinterval",
        "cloudfiles.useincrementallisting",
        "cloudfiles.fetchparallelism",
        "cloudfiles.resourcetag",
        "cloudfiles.usemanagedfileevents",
        "cloudfiles.usestrictglobber",
        "cloudfiles.listonstart",
        "cloudfiles.cleansource.retentionduration",
        "cloudfiles.cleansource.movedestination",
        "recursivefilelookup",
        "mergeschema",
        "enforceschema",
        "inferschema",
        "basepath",
        "samplingratio",
        "compression",
    }
)
"""Options that are accepted without effect: what they control does not exist or is fixed here."""

ONLY_VALUE = {
    "cloudfiles.cleansource": "OFF",
    "cloudfiles.allowoverwrites": "false",
    "cloudfiles.usenotifications": "false",
    "skiprows": "0",
    "nanvalue": "NaN",
    "positiveinf": "Inf",
    "negativeinf": "-Inf",
    "locale": "US",
    "dropfieldifallnull": "false",
    "wholetext": "false",
}
"""Options that support only their default; any other value is refused by name."""

REFUSED = frozenset(
    {
        "badrecordspath",
        "singlevariantcolumn",
        "latestfirst",
        "avroschema",
        "rowtag",
        "cloudfiles.pathrewrites",
        "cloudfiles.queueurl",
        "cloudfiles.queuename",
        "cloudfiles.region",
        "cloudfiles.rolearn",
        "cloudfiles.roleexternalid",
        "cloudfiles.rolesessionname",
        "cloudfiles.stsendpoint",
        "cloudfiles.clientid",
        "cloudfiles.clientsecret",
        "cloudfiles.connectionstring",
        "cloudfiles.resourcegroup",
        "cloudfiles.subscriptionid",
        "cloudfiles.tenantid",
        "cloudfiles.subscription",
        "cloudfiles.client",
        "cloudfiles.clientemail",
        "cloudfiles.privatekey",
        "cloudfiles.privatekeyid",
        "cloudfiles.projectid",
        "databricks.servicecredential",
    }
)
"""Options that are refused whatever their value."""

PARQUET_READER = frozenset({"datetimerebasemode", "int96rebasemode"})

JSON_READER = frozenset(
    {
        "linesep",
        "primitivesasstring",
        "prefersdecimal",
        "infertimestamp",
        "allowcomments",
        "allowsinglequotes",
        "allownonnumericnumbers",
        "allownumericleadingzeros",
        "allowunquotedfieldnames",
        "allowunquotedcontrolchars",
        "allowbackslashescapinganycharacter",
    }
)

CSV_READER = frozenset(
    {
        "sep",
        "delimiter",
        "quote",
        "escape",
        "chartoescapequoteescaping",
        "comment",
        "nullvalue",
        "emptyvalue",
        "ignoreleadingwhitespace",
        "ignoretrailingwhitespace",
        "linesep",
        "maxcolumns",
        "maxcharspercolumn",
        "preferdate",
        "unescapedquotehandling",
    }
)

READER = {"parquet": PARQUET_READER, "json": JSON_READER, "csv": CSV_READER}
"""Options that are passed to Spark's reader of a format unchanged."""

KNOWN = (
    BUILT | NO_EFFECT | REFUSED | frozenset(ONLY_VALUE) | PARQUET_READER | JSON_READER | CSV_READER
)

WITHOUT_PREFIX = frozenset(name for name in KNOWN if "." not in name)
"""Options that are documented without `cloudFiles.`; the prefix is accepted, too."""

ENCODINGS = ("UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "ISO-8859-1", "US-ASCII")
"""What Spark accepts; more with `spark.sql.legacy.javaCharsets`."""

SPELLINGS = (
    "cloudFiles.format",
    "cloudFiles.schemaLocation",
    "cloudFiles.inferColumnTypes",
    "cloudFiles.schemaHints",
    "cloudFiles.schemaEvolutionMode",
    "cloudFiles.partitionColumns",
    "cloudFiles.includeExistingFiles",
    "cloudFiles.maxFilesPerTrigger",
    "cloudFiles.maxBytesPerTrigger",
    "cloudFiles.validateOptions",
    "cloudFiles.maxFileAge",
    "cloudFiles.backfillInterval",
    "cloudFiles.useIncrementalListing",
    "cloudFiles.useManagedFileEvents",
    "cloudFiles.useNotifications",
    "cloudFiles.allowOverwrites",
    "cloudFiles.cleanSource",
    "rescuedDataColumn",
    "readerCaseSensitive",
    "pathGlobFilter",
    "ignoreCorruptFiles",
    "ignoreMissingFiles",
    "modifiedAfter",
    "modifiedBefore",
    "multiLine",
    "columnNameOfCorruptRecord",
    "dateFormat",
    "timestampFormat",
    "lineSep",
    "primitivesAsString",
    "nullValue",
    "ignoreLeadingWhiteSpace",
    "ignoreTrailingWhiteSpace",
)
"""The usual spelling of options, for hints."""
