"""Options: what is built, what has no effect, what is refused by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from headwater.autoloader import option_tables as tables
from headwater.autoloader.formats import FORMATS, OF_DATABRICKS, READER_OPTIONS
from headwater.autoloader.options import (
    check_options,
    ignored_options,
    read_options,
    unused_options,
)
from headwater.autoloader.request import Cleaning, CloudFiles, Options
from headwater.errors import DefinitionError, Location
from headwater.intervals import DAY_SECONDS, interval_seconds

WHERE = Location("pipeline.py", 12)


def options(schema: str | None = None, /, **given: str) -> Options:
    named = {key.replace("__", "."): value for key, value in given.items()}
    return read_options(CloudFiles("/in", {"cloudFiles.format": "json", **named}, WHERE, schema))


def refusal(schema: str | None = None, /, **given: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as raised:
        options(schema, **given)
    assert raised.value.where == WHERE
    return raised.value


def test_defaults() -> None:
    found = options()
    assert (found.evolution, found.rescued_column) == ("addNewColumns", "_rescued_data")
    assert (found.max_files, found.max_bytes, found.include_existing) == (1000, None, True)
    assert (found.infer_types, found.partition_columns, found.case_sensitive) == (False, None, True)


def test_an_explicit_schema_turns_evolution_and_rescue_off() -> None:
    found = options("id INT")
    assert (found.evolution, found.rescued_column, found.case_sensitive) == ("none", None, False)
    assert options("id INT", rescuedDataColumn="r").rescued_column == "r"


def test_names_and_values_are_case_insensitive() -> None:
    found = options(
        CLOUDFILES__SCHEMAEVOLUTIONMODE="RESCUE",
        cloudfiles__maxbytespertrigger="10g",
        CloudFiles__MaxFilesPerTrigger="7",
    )
    assert (found.evolution, found.max_bytes, found.max_files) == ("rescue", 10 * 1024**3, 7)


def test_unknown_option_gives_the_nearest_name() -> None:
    error = refusal(cloudFiles__schemaHint="a INT")
    assert error.code == "AUTOLOADER_OPTION_UNKNOWN"
    assert error.hint == "Did you mean 'cloudFiles.schemaHints'?"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("schemaHints", "Write cloudFiles.schemaHints."),
        ("maxfilespertrigger", "Write cloudFiles.maxFilesPerTrigger."),
        ("multiLin", "Did you mean 'multiLine'?"),
        ("ignoreChanges", "Remove it: it is not an option of this source."),
    ],
)
def test_unknown_options_without_prefix_are_ignored_with_a_warning(name: str, hint: str) -> None:
    options(**{name: "1"})
    (warning,) = ignored_options(CloudFiles("/in", {name: "1", "cloudFiles.format": "json"}, WHERE))
    assert (warning.code, warning.hint) == ("AUTOLOADER_OPTION_IGNORED", hint)
    assert warning.where == WHERE


def test_validate_options_false_ignores_unknown_ones() -> None:
    options(cloudFiles__schemaHint="a INT", cloudFiles__validateOptions="false")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("skipRows", "2"),
        ("readerCaseSensitive", "false"),
        ("rowValidationXSDPath", "/x.xsd"),
    ],
)
def test_what_is_not_built_is_refused_by_name(name: str, value: str) -> None:
    error = refusal(**{name.replace(".", "__"): value})
    assert error.code == "AUTOLOADER_OPTION_NOT_BUILT"
    assert error.parameters["option"] == name


def test_keys_of_cloud_accounts_are_known() -> None:
    names = ("awsAccessKey", "awsSecretKey", "restrictNotificationSetupToSameAWSAccountId")
    options(**{f"cloudFiles__{each}": "x" for each in names})


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2021-01-01 10:00:00.000000 UTC+0", 10),
        ("2021-01-01 10:00:00 UTC", 10),
        ("2021-01-01T10:00Z", 10),
        ("2021-01-01T10:00:00+0200", 8),
        ("2021-01-01 10:00:00 UTC-0500", 15),
        ("2021-01-01 10:00:00+02:00", 8),
        ("2021-01-01 10:00:00 America/New_York", 15),
        ("2021-01-01 10:00:00.123456789 GMT-1", 11),
        ("2021-01-01", 0),
    ],
)
def test_times_are_taken_as_documented(text: str, hour: int) -> None:
    found = options(modifiedAfter=text).modified_after
    assert found is not None
    assert datetime.fromtimestamp(found, timezone.utc).replace(microsecond=0) == datetime(
        2021, 1, 1, hour, tzinfo=timezone.utc
    )


@pytest.mark.parametrize("text", ["2021-13-01", "2021-01-01 10:00 Mars/Olympus", "10:00"])
def test_times_that_are_none_are_refused(text: str) -> None:
    assert refusal(modifiedBefore=text).code == "AUTOLOADER_OPTION_INVALID"


def test_a_rescued_column_without_a_name_is_none() -> None:
    assert options(rescuedDataColumn="").rescued_column is None


def test_every_documented_format_has_a_row() -> None:
    assert {each.lower() for each in OF_DATABRICKS} == set(FORMATS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cloudFiles.format", "jsn"),
        ("cloudFiles.maxFilesPerTrigger", "0"),
        ("cloudFiles.maxBytesPerTrigger", "many"),
        ("cloudFiles.inferColumnTypes", "yes"),
        ("cloudFiles.maxFileAge", "a while"),
        ("cloudFiles.maxFileAge", "13 days"),
        ("cloudFiles.cleanSource", "ARCHIVE"),
        ("cloudFiles.schemaEvolutionMode", "rescued"),
        ("mode", "LENIENT"),
        ("modifiedAfter", "yesterday"),
    ],
)
def test_wrong_values_are_refused(name: str, value: str) -> None:
    assert refusal(**{name.replace(".", "__"): value}).code == "AUTOLOADER_OPTION_INVALID"


def test_json_in_two_byte_encodings_is_refused() -> None:
    assert refusal(encoding="UTF-16LE").code == "AUTOLOADER_OPTION_NOT_BUILT"
    assert options(encoding="ISO-8859-1").get("encoding") == "ISO-8859-1"


@pytest.mark.parametrize("encoding", ["UTF-16", "utf-32"])
def test_csv_in_wide_encodings_needs_multi_line(encoding: str) -> None:
    csv = {"cloudFiles__format": "csv", "charset": encoding}
    error = refusal(**csv)
    assert (error.code, error.parameters["option"]) == ("AUTOLOADER_OPTION_NOT_BUILT", "charset")
    assert options(**csv, multiLine="true").get("charset") == encoding


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_encodings_that_spark_does_not_take_are_refused_with_those_it_does(
    file_format: str,
) -> None:
    error = refusal(cloudFiles__format=file_format, encoding="windows-1252")
    assert error.code == "AUTOLOADER_OPTION_INVALID"
    assert "ISO-8859-1" in str(error.hint)
    assert "spark.sql.legacy.javaCharsets" in str(error.hint)
    options(cloudFiles__format="parquet", encoding="windows-1252")
    given = {"cloudFiles.format": file_format, "encoding": "windows-1252"}
    read_options(CloudFiles("/in", given, WHERE), java_charsets=True)


def test_options_of_readers_are_taken_with_the_prefix_too() -> None:
    found = options(
        "id INT",
        cloudFiles__rescuedDataColumn="r",
        CLOUDFILES__header="true",
        cloudFiles__format="csv",
        cloudFiles__sep="|",
        cloudFiles__inferSchema="true",
        cloudFiles__mergeSchema="true",
    )
    assert (found.rescued_column, found.header, found.get("sep")) == ("r", True, "|")
    assert refusal(cloudFiles__latestFirst="true").parameters["option"] == "latestFirst"


def test_an_option_without_the_prefix_goes_before_one_with_it() -> None:
    assert options(rescuedDataColumn="a", cloudFiles__rescuedDataColumn="b").rescued_column == "a"


@pytest.mark.parametrize(
    ("mode", "column", "rescued"),
    [("none", "", False), ("none", "r", True), ("rescue", "", True), ("addNewColumns", "r", False)],
)
def test_new_fields_are_rescued_by_mode_and_column(mode: str, column: str, rescued: bool) -> None:
    found = options(cloudFiles__schemaEvolutionMode=mode, rescuedDataColumn=column)
    assert found.rescues_new is rescued


def test_format_is_required() -> None:
    with pytest.raises(DefinitionError) as raised:
        check_options(CloudFiles("/in", {}, WHERE))
    assert raised.value.code == "AUTOLOADER_FORMAT_MISSING"


def test_evolution_needs_inference() -> None:
    error = refusal("id INT", cloudFiles__schemaEvolutionMode="addNewColumns")
    assert error.code == "AUTOLOADER_EVOLUTION_NEEDS_INFERENCE"


def test_every_default_and_no_effect_option_is_accepted() -> None:
    given = dict.fromkeys(tables.NO_EFFECT, "x") | tables.ONLY_VALUE
    check_options(CloudFiles("/in", {"cloudFiles.format": "json", **given}, WHERE))


def test_overwrites_and_age() -> None:
    assert (options().allow_overwrites, options().max_age_seconds) == (False, None)
    found = options(cloudFiles__allowOverwrites="true", cloudFiles__maxFileAge="2 weeks")
    assert (found.allow_overwrites, found.max_age_seconds) == (True, 14 * 86400)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 days", 90 * 86400),
        ("1 month", 31 * 86400),
        ("INTERVAL 1 week 2 days", 9 * 86400),
        ("1day12hours", 1.5 * 86400),
        ("", None),
        ("soon", None),
        ("3", None),
        ("3 days ago", None),
        ("-3 days", None),
    ],
)
def test_intervals(text: str, seconds: float | None) -> None:
    assert interval_seconds(text) == seconds


def test_options_of_other_ways_to_find_files_are_named() -> None:
    given = dict.fromkeys(tables.LISTED, "x") | {"cloudFiles.format": "json"}
    request = CloudFiles("/in", given, WHERE)
    check_options(request)
    assert set(unused_options(request)) == tables.LISTED
    off = {"cloudFiles.useNotifications": "False", "cloudFiles.maxFileAge": "30 days"}
    assert unused_options(CloudFiles("/in", off, WHERE)) == []


def cleaning(path: str = "/in", volume: str = "", /, **given: str) -> Cleaning | None:
    named = {f"cloudFiles.cleanSource{'.' * bool(key)}{key}": text for key, text in given.items()}
    request = CloudFiles(path, {"cloudFiles.format": "parquet", **named}, WHERE, volume=volume)
    return read_options(request).cleaning


def test_cleaning() -> None:
    assert cleaning() == cleaning(**{"": "off"}) is None
    assert cleaning(**{"": "delete"}) == Cleaning("DELETE", 30 * DAY_SECONDS)
    moved = cleaning(**{"": "MOVE"}, moveDestination="/done/", retentionDuration="0 seconds")
    assert moved == Cleaning("MOVE", 0, "/done")
    remote = cleaning("abfs://c@a/in/*", **{"": "MOVE"}, moveDestination="abfs://c@a/done")
    assert remote == Cleaning("MOVE", 30 * DAY_SECONDS, "abfs://c@a/done")
    assert cleaning("/v/in", "/v", **{"": "MOVE"}, moveDestination="/v/done") is not None


@pytest.mark.parametrize(
    ("path", "volume", "given", "option"),
    [
        ("/in", "", {"": "DELETE", "retentionDuration": "7 days"}, "retentionDuration"),
        ("/in", "", {"": "DELETE", "retentionDuration": "soon"}, "retentionDuration"),
        ("/in", "", {"": "MOVE", "moveDestination": "/in/done"}, "moveDestination"),
        ("/in/2*/x", "", {"": "MOVE", "moveDestination": "/in"}, "moveDestination"),
        ("/in", "", {"": "MOVE", "moveDestination": "/done/../in/x"}, "moveDestination"),
        ("/x/../in", "", {"": "MOVE", "moveDestination": "/in/done"}, "moveDestination"),
        ("/v/in", "/v", {"": "MOVE", "moveDestination": "/done"}, "moveDestination"),
        ("/v/in", "/v", {"": "MOVE", "moveDestination": "/v/../done"}, "moveDestination"),
        ("/in", "", {"": "MOVE", "moveDestination": "abfs://c@a/done"}, "moveDestination"),
        ("abfs://c@a/in", "", {"": "MOVE", "moveDestination": "/done"}, "moveDestination"),
        ("abfs://c@a/in", "", {"": "MOVE", "moveDestination": "abfs://d@a/x"}, "moveDestination"),
    ],
)
def test_wrong_cleaning_is_refused(
    path: str, volume: str, given: dict[str, str], option: str
) -> None:
    with pytest.raises(DefinitionError) as raised:
        cleaning(path, volume, **given)
    assert raised.value.code == "AUTOLOADER_OPTION_INVALID"
    assert raised.value.parameters["option"] == f"cloudFiles.cleanSource.{option}"


def test_a_destination_that_is_a_link_into_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "done").symlink_to(tmp_path / "in")
    with pytest.raises(DefinitionError, match="AUTOLOADER_OPTION_INVALID"):
        cleaning(f"{tmp_path}/in", **{"": "MOVE"}, moveDestination=f"{tmp_path}/done")


def test_moving_needs_a_destination() -> None:
    with pytest.raises(DefinitionError) as raised:
        cleaning(**{"": "MOVE"})
    assert raised.value.code == "AUTOLOADER_OPTION_MISSING"


def test_partition_columns() -> None:
    assert options(cloudFiles__partitionColumns="a, b").partition_columns == ("a", "b")
    assert options(cloudFiles__partitionColumns="").partition_columns == ()


def test_no_option_is_in_two_tables() -> None:
    groups = [
        tables.BUILT,
        tables.LISTED,
        tables.NO_EFFECT,
        tables.REFUSED,
        frozenset(tables.ONLY_VALUE),
    ]
    assert sum(map(len, groups)) == len(tables.KNOWN)
    assert not READER_OPTIONS & (tables.BUILT | tables.LISTED | tables.NO_EFFECT)
    assert all(name == name.lower() for name in tables.KNOWN)


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_all_that_options_need_of_a_format(name: str) -> None:
    row = FORMATS[name]
    given = {f"cloudFiles.{option}": "true" for option in row.options if option != "charset"}
    given |= {"encoding": "UTF-8", "cloudFiles.format": row.name.upper()}
    given.pop("cloudFiles.encoding", None)
    found = read_options(CloudFiles("/in", given, WHERE))
    assert found.format == row.name
    assert {each.lower() for each in found.reader} == row.option_names - {"charset"}
    assert (found.rescued_column is not None) is row.rescues
    for option, value in row.refuses.items():
        with pytest.raises(DefinitionError) as raised:
            read_options(CloudFiles("/in", given | {option: value or "x"}, WHERE))
        assert (raised.value.code, raised.value.parameters["option"]) == (
            "AUTOLOADER_OPTION_NOT_BUILT",
            option,
        )


@pytest.mark.parametrize("name", FORMATS)
def test_bad_records_are_told_apart_in_formats_that_say_so(name: str) -> None:
    given = {"cloudFiles.format": name, "rowTag": "r", "badRecordsPath": "/bad"}
    request = CloudFiles("/in/*", given, WHERE)
    if not FORMATS[name].has_bad_records:
        with pytest.raises(DefinitionError) as raised:
            read_options(request)
        assert raised.value.code == "AUTOLOADER_OPTION_NOT_BUILT"
        return
    found = read_options(request)
    assert (found.bad_records_path, found.parse_mode) == (Path("/bad"), "DROPMALFORMED")
    assert (found.skips_broken, found.ignore_corrupt) == (True, False)
    for option, value in (("mode", "PERMISSIVE"), ("badRecordsPath", "/in/bad")):
        with pytest.raises(DefinitionError) as raised:
            read_options(replace(request, options=given | {option: value}))
        assert raised.value.parameters["option"] == option
    with pytest.raises(DefinitionError) as raised:
        read_options(replace(request, is_batch=True))
    assert raised.value.code == "AUTOLOADER_OPTION_NOT_BUILT"


@pytest.mark.parametrize("name", FORMATS)
def test_types_grow_in_formats_that_say_so(name: str) -> None:
    mode = {"cloudFiles.schemaEvolutionMode": "addNewColumnsWithTypeWidening", "rowTag": "r"}
    request = CloudFiles("/in", {"cloudFiles.format": name, **mode}, WHERE)
    if not FORMATS[name].widens:
        with pytest.raises(DefinitionError) as raised:
            read_options(request)
        assert raised.value.code == "AUTOLOADER_OPTION_NOT_BUILT"
        return
    found = read_options(request)
    assert (found.widens_types, found.adds_columns) == (True, True)
    with pytest.raises(DefinitionError) as raised:
        read_options(replace(request, schema="id INT"))
    assert raised.value.code == "AUTOLOADER_EVOLUTION_NEEDS_INFERENCE"


def test_json_numbers_grow_to_decimals() -> None:
    mode = {"cloudFiles__schemaEvolutionMode": "addNewColumnsWithTypeWidening"}
    assert options(**mode).get("prefersdecimal") == "true"
    assert refusal(**mode, prefersDecimal="false").parameters["option"] == "prefersDecimal"


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_text_have_variants(name: str) -> None:
    given = {"cloudFiles.format": name, "rowTag": "r", "singleVariantColumn": "v"}
    if FORMATS[name].variant is None:
        with pytest.raises(DefinitionError) as raised:
            read_options(CloudFiles("/in", given, WHERE))
        assert raised.value.code == "AUTOLOADER_OPTION_NOT_BUILT"
        return
    found = read_options(CloudFiles("/in", given, WHERE))
    assert (found.variant_column, found.evolution, found.rescued_column) == ("v", "none", None)
    for other in ("rescuedDataColumn", "cloudFiles.schemaHints"):
        with pytest.raises(DefinitionError) as raised:
            read_options(CloudFiles("/in", given | {other: "x INT"}, WHERE))
        assert raised.value.parameters["option"] == other


@pytest.mark.parametrize("name", FORMATS)
def test_formats_that_are_read_from_azure_storage_are_those_that_say_so(name: str) -> None:
    request = CloudFiles("abfs://c@account/in", {"cloudFiles.format": name}, WHERE)
    if FORMATS[name].is_remote:
        assert read_options(request).format == name
        return
    with pytest.raises(DefinitionError) as raised:
        read_options(request)
    assert raised.value.code == "AUTOLOADER_PATH_NOT_BUILT"


def test_option_of_one_format_stays_refused_in_the_others() -> None:
    assert refusal(wholeText="true").code == "AUTOLOADER_OPTION_NOT_BUILT"
    assert options(cloudFiles__format="text", wholeText="true").get("wholetext") == "true"


def test_every_format_is_in_the_parity_matrix() -> None:
    text = (Path(__file__).parents[2] / "docs" / "parity.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| formats |"))
    documented, here = row.split("|")[2:4]
    assert documented.strip() == ", ".join(sorted(OF_DATABRICKS, key=str.lower))
    assert here.split(";")[0].strip() == ", ".join(
        sorted((each.name for each in FORMATS.values()), key=str.lower)
    )
