"""Every documented Auto Loader option, and what this runtime does with it.

Data only; `options` checks a request against it. Names are in lower case, because options are
case-insensitive. What does not live here: options of one format's reader (`formats`). Source:
docs.databricks.com, Auto Loader options, page of 2026-03-16.
"""

from __future__ import annotations

WIDENING_MODE = "addNewColumnsWithTypeWidening"

EVOLUTION_MODES = ("addNewColumns", WIDENING_MODE, "rescue", "failOnNewColumns", "none")

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
        "cloudfiles.usestrictglobber",
        "cloudfiles.validateoptions",
        "cloudfiles.allowoverwrites",
        "cloudfiles.maxfileage",
        "cloudfiles.cleansource",
        "cloudfiles.cleansource.retentionduration",
        "cloudfiles.cleansource.movedestination",
        "rescueddatacolumn",
        "singlevariantcolumn",
        "badrecordspath",
        "readercasesensitive",
        "parsercasesensitive",
        "pathglobfilter",
        "ignorecorruptfiles",
        "ignoremissingfiles",
        "modifiedafter",
        "modifiedbefore",
        "header",
        "multiline",
        "mode",
        "columnnameofcorruptrecord",
    }
)
"""Options that have an effect here."""

LISTED = frozenset(
    {
        "cloudfiles.usenotifications",
        "cloudfiles.usemanagedfileevents",
        "cloudfiles.useincrementallisting",
        "cloudfiles.backfillinterval",
        "cloudfiles.fetchparallelism",
        "cloudfiles.listonstart",
        "cloudfiles.pathrewrites",
        "cloudfiles.resourcetag",
        "cloudfiles.queueurl",
        "cloudfiles.queuename",
        "cloudfiles.region",
        "cloudfiles.rolearn",
        "cloudfiles.roleexternalid",
        "cloudfiles.rolesessionname",
        "cloudfiles.stsendpoint",
        "cloudfiles.awsaccesskey",
        "cloudfiles.awssecretkey",
        "cloudfiles.restrictnotificationsetuptosameawsaccountid",
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
"""Options of other ways to find files: each update lists them all. `headwater run` names them."""

NO_EFFECT = frozenset(
    {
        "cloudfiles.cleansource.waitforcompletion",
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
    "skiprows": "0",
    "nanvalue": "NaN",
    "positiveinf": "Inf",
    "negativeinf": "-Inf",
    "locale": "US",
    "dropfieldifallnull": "false",
    "wholetext": "false",
}
"""Options that support only their default, unless they are of the format's own reader."""

REFUSED = frozenset(
    {
        "latestfirst",
        "avroschema",
        "rowtag",
        "rowvalidationxsdpath",
    }
)
"""Options that are refused whatever their value, unless a format's reader takes them."""

KNOWN = BUILT | LISTED | NO_EFFECT | REFUSED | frozenset(ONLY_VALUE)

PARSE_MODES = ("PERMISSIVE", "DROPMALFORMED", "FAILFAST")

CLEANING_MODES = ("OFF", "DELETE", "MOVE")

RETENTION_DAYS = 30
"""How long files that were read stay, unless `cleanSource.retentionDuration` says otherwise."""

MIN_DELETE_DAYS = 7
"""`cleanSource.retentionDuration` must be longer to delete files."""

MIN_FILE_AGE_DAYS = 14
"""The least that `maxFileAge` may be, as documented for production workloads."""

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
    "cloudFiles.useStrictGlobber",
    "cloudFiles.allowOverwrites",
    "cloudFiles.cleanSource",
    "cloudFiles.cleanSource.retentionDuration",
    "cloudFiles.cleanSource.moveDestination",
    "rescuedDataColumn",
    "singleVariantColumn",
    "badRecordsPath",
    "readerCaseSensitive",
    "pathGlobFilter",
    "ignoreCorruptFiles",
    "ignoreMissingFiles",
    "modifiedAfter",
    "modifiedBefore",
    "multiLine",
    "columnNameOfCorruptRecord",
)
"""The usual spelling of options, for hints."""
