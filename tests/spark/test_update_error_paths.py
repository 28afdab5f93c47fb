"""Every way to be wrong that we know of: named at the user's line, without internals."""

import textwrap
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError, HeadwaterError, Location

INTERNAL = ("Py4J", "py4j", "org.apache", "java.", "__headwater", "UNEXPECTED", "Traceback")

QUERIES = """
--- action SIDE_EFFECT_IN_DATASET
return spark.range(3).write.save('x')
--- ambiguous QUERY_INVALID
a = spark.range(1)
return a.join(a.select('id')).select('id')
--- attribute QUERY_INVALID
return spark.range(1).nothing
--- class_missing QUERY_INVALID
return spark.read.format('no.such.Format').load()
--- cloud_format AUTOLOADER_FORMAT_MISSING
return spark.readStream.format('cloudFiles').load('VOLUME')
--- cloud_option AUTOLOADER_OPTION_UNKNOWN
reader = spark.readStream.format('cloudFiles').option('cloudFiles.format', 'json')
return reader.option('cloudFiles.nope', 1).load('VOLUME')
--- cloud_path AUTOLOADER_PATH_MISSING
return spark.readStream.format('cloudFiles').option('cloudFiles.format', 'json').load()
--- cloud_schema AUTOLOADER_SCHEMA_REQUIRED
return spark.readStream.format('cloudFiles').option('cloudFiles.format', 'json').load('VOLUME')
--- column QUERY_INVALID
return spark.range(1).select('idd')
--- coroutine DATASET_WITHOUT_DATAFRAME
async def g(): pass
return g
--- create_frame QUERY_INVALID
return spark.createDataFrame([(1, 'a')], 'id INT')
--- dbutils API_NOT_BUILT
dbutils.notebook.run('x')
--- void COLUMN_WITHOUT_TYPE
return spark.readStream.table('main.SCHEMA.source').selectExpr('id', 'array(NULL) AS b')
--- delta QUERY_INVALID
return spark.read.format('delta').load('VOLUME')
--- division QUERY_INVALID
return spark.range(1 // 0)
--- duplicate COLUMN_DUPLICATE
return spark.range(1).selectExpr('id', 'id AS ID')
--- exit QUERY_INVALID
raise SystemExit(1)
--- expression QUERY_INVALID
from pyspark.sql.functions import expr
return spark.range(1).select(expr('a b c'))
--- files PATH_NOT_FOUND
return dbutils.fs.ls('/Volumes/main/SCHEMA/landing/nowhere')
--- function QUERY_INVALID
return spark.sql('SELECT nothing_like_it(1)')
--- hidden SIDE_EFFECT_IN_DATASET
try:
    spark.range(1).foreach(print)
except BaseException:
    pass
return spark.range(1)
--- internals QUERY_INVALID
return spark._jvm.no.such.Thing()
--- jvm QUERY_INVALID
return spark._jvm.java.lang.Integer.parseInt('x')
--- jdbc QUERY_INVALID
return spark.read.format('jdbc').load()
--- mount PATH_NOT_BUILT
return spark.read.json('s3a://bucket/x')
--- name NAME_INVALID
return spark.table('a.b.c.d.e')
--- nothing DATASET_WITHOUT_DATAFRAME
spark.range(1)
--- outside PATH_OUTSIDE_VOLUME
return spark.read.text('/Volumes/main/SCHEMA/landing/../../x')
--- path QUERY_INVALID
return spark.read.text('/no/such/folder')
--- pathless QUERY_INVALID
return spark.read.load()
--- secret SECRET_UNKNOWN
return dbutils.secrets.get('scope', 'key')
--- sql QUERY_INVALID
return spark.sql('SELEC 1')
--- sql_command SIDE_EFFECT_IN_DATASET
return spark.sql('DROP TABLE x')
--- stream_state STREAM_UNSUPPORTED
return spark.readStream.format('rate').load().orderBy('value')
--- table TABLE_NOT_FOUND
return spark.read.table('nowhere')
--- type ARGUMENT_INVALID
return dlt.read(5)
--- udf QUERY_INVALID
from pyspark.sql.functions import udf
return spark.range(1).select(udf(1, 'int')('id'))
--- union QUERY_INVALID
return spark.range(1).union(spark.range(1).selectExpr('id', '1'))
--- view_stream STREAM_FROM_CHANGING_TABLE
return spark.readStream.table('totals')
--- volume VOLUME_UNKNOWN
return spark.read.text('/Volumes/main/nope/landing')
--- widget WIDGET_UNKNOWN
return spark.range(int(dbutils.widgets.get('n')))
"""
"""Bodies of dataset functions, each with the code of its fault."""

FILES = """
--- cdc_column AUTOCDC_COLUMN_UNKNOWN
dlt.create_streaming_table('cdc1')
dlt.apply_changes('cdc1', 'source', ['nope'], 'id')
--- cdc_condition AUTOCDC_CONDITION_INVALID
dlt.create_streaming_table('cdc2')
dlt.apply_changes('cdc2', 'source', ['id'], 'id', apply_as_deletes='a b')
--- cdc_sequence AUTOCDC_COLUMN_UNKNOWN
dlt.create_streaming_table('cdc3')
dlt.apply_changes('cdc3', 'source', ['id'], 'nope')
--- cdc_source TABLE_NOT_FOUND
dlt.create_streaming_table('cdc4')
dlt.apply_changes('cdc4', 'nope', ['id'], 'id')
--- cdc_target TARGET_UNKNOWN
dlt.apply_changes('cdc5', 'source', ['id'], 'id')
--- cdc_where AUTOCDC_CONDITION_INVALID
dlt.create_streaming_table('cdc6')
dlt.apply_changes('cdc6', 'source', ['id'], 'id', where='a b')
--- decorator ARGUMENT_INVALID
@dlt.table('x')
def f(): ...
--- empty_table DATASET_WITHOUT_FLOW
dlt.create_streaming_table('empty')
--- conf SPARK_CONF_INVALID
@dlt.table(name='conf', spark_conf={'spark.executor.memory': '4g'})
def f():
    return spark.range(1)
--- flow_case DUPLICATE_FLOW
dlt.create_streaming_table('cased')
@dlt.append_flow(target='cased', name='Eu')
def f():
    return spark.readStream.table('main.SCHEMA.source')
@dlt.append_flow(target='cased', name='eu')
def g():
    return spark.readStream.table('main.SCHEMA.source')
--- flow_loop GRAPH_CYCLE
dlt.create_streaming_table('looped')
@dlt.append_flow(target='looped', depends_on='looped')
def loop():
    return spark.readStream.table('main.SCHEMA.source')
--- import_error SOURCE_FAILED
import nothing_like_it
--- load_cloud AUTOLOADER_OUTSIDE_DATASET
spark.readStream.format('cloudFiles').load('VOLUME')
--- load_path PATH_NOT_BUILT
spark.read.text('wasbs://x@y/z')
--- load_jvm SOURCE_FAILED
spark._jvm.java.lang.Integer.parseInt('x')
--- path_scheme API_NOT_BUILT
@dlt.table(path='abfss://c@a/t')
def f(): ...
--- rule_alone EXPECTATION_WITHOUT_DATASET
@dlt.expect('a', 'true')
def f(): ...
--- rule_sql EXPECTATION_INVALID
@dlt.table(name='ruled')
@dlt.expect('a', 'x >')
def f():
    return spark.range(1)
--- rule_text EXPECTATION_INVALID
@dlt.table(name='ruled2')
@dlt.expect('a', 'id + 1')
def f():
    return spark.range(1)
--- syntax SOURCE_SYNTAX
def f(:
--- unknown_api API_UNKNOWN
dlt.tabel
--- not_built API_NOT_BUILT
dlt.append_flow(target='s', import_checkpoint='x')
"""
"""Source files, likewise; `import dlt` stands before each."""


def parts(text: str) -> dict[tuple[str, str], str]:
    """The parts of a text by their name and code."""
    found = {}
    for part in text.split("\n--- ")[1:]:
        head, _, body = part.partition("\n")
        name, code = head.split()
        found[name, code] = body
    return found


@pytest.fixture(scope="module")
def faults(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, HeadwaterError]:
    """The fault of each file of one pipeline in which everything is wrong."""
    project = Project(spark, tmp_path_factory.mktemp("wrong"))
    project.create("source", "SELECT 1 AS id")
    project.write("import dlt\n\n@dlt.table\ndef totals():\n    return spark.range(1)\n")
    for (name, _), body in parts(QUERIES).items():
        text = f"import dlt\n@dlt.table(name='t_{name}')\ndef f():\n"
        project.write(text + textwrap.indent(body, "    "), f"{name}.py")
    for (name, _), text in parts(FILES).items():
        project.write("import dlt\n" + text, f"{name}.py")
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    found: dict[str, HeadwaterError] = {}
    for fault in caught.value.faults:
        where = fault.where
        assert isinstance(where, Location), fault
        path = Path(where.file)
        assert path.is_relative_to(project.folder), fault
        assert where.line > 1, fault
        assert path.stem not in found, (found[path.stem], fault)
        found[path.stem] = fault
    return found


@pytest.mark.parametrize(("file", "code"), [*parts(QUERIES), *parts(FILES)])
def test_what_is_wrong_is_named_without_internals(
    faults: dict[str, HeadwaterError], file: str, code: str
) -> None:
    fault = faults[file]
    assert fault.code == code
    assert fault.hint
    assert [word for word in INTERNAL if word in str(fault)] == []
