"""YAML files of sources: form, faults with their lines, hostile files, export."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import UsageError
from lakeflow_job_meta.checks import path_faults, read_files, sources_of_path
from lakeflow_job_meta.constants import MAX_YAML_BYTES
from lakeflow_job_meta.errors import Fault, MetadataError
from lakeflow_job_meta.export import sources_as_yaml
from lakeflow_job_meta.sources import Source, source_row
from lakeflow_job_meta.yaml_files import SourceFile, list_yaml_files, read_source_file
from lakeflow_job_meta.yaml_reader import read_nodes

ISSUE_EXAMPLE = """\
- source_id: "freshness_check"
  source_type: "sql"
  execution_order: 1
  source_config: {}
  target_config: {catalog: bronze, schema: data, table: customers}
  transformation_config:
    task_type: sql_query
    sql_task: {warehouse_id: "abc123", sql_query: "SELECT ...", parameters: {threshold: "5.0"}}
"""

MODULES = """\
modules:
  - module_name: sales
    description: Orders of the day
    timeout_seconds: 600
    sources:
      - source_id: load
        source_type: notebook
        execution_order: 1
        transformation_config: {task_type: notebook, notebook_path: /Workspace/load}
      - source_id: check
        source_type: notebook
        execution_order: 2
        is_active: false
        transformation_config: {task_type: notebook, notebook_path: /Workspace/check}
"""

SOURCE = """\
- source_id: {id}
  source_type: notebook
  transformation_config: {{task_type: notebook, notebook_path: /Workspace/a}}
"""


def write(folder: Path, text: str | bytes, name: str = "metadata.yml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def codes(faults: list[Fault] | tuple[Fault, ...]) -> list[tuple[str, int]]:
    """Return codes and lines."""
    return [(fault.code, int(fault.where.rpartition(":")[2])) for fault in faults]


def read(folder: Path, text: str | bytes) -> SourceFile:
    return read_source_file(write(folder, text))


def plain(text: str) -> object:
    node, faults = read_nodes(text, "f")
    assert node is not None and faults == []
    return node.plain()


def test_bare_list_takes_the_name_of_its_file(tmp_path: Path) -> None:
    (source,) = sources_of_path(write(tmp_path, ISSUE_EXAMPLE, "freshness.yaml"))
    assert source == Source(
        "freshness_check",
        "freshness",
        "sql",
        1,
        {},
        {"catalog": "bronze", "schema": "data", "table": "customers"},
        {
            "task_type": "sql_query",
            "sql_task": {
                "warehouse_id": "abc123",
                "sql_query": "SELECT ...",
                "parameters": {"threshold": "5.0"},
            },
        },
    )


def test_bare_source_names_its_module(tmp_path: Path) -> None:
    file = read(tmp_path, "- module_name: sales\n  " + SOURCE.format(id="a")[2:])
    assert [source.module_name for source in file.sources] == ["sales"]


def test_modules_carry_their_settings(tmp_path: Path) -> None:
    file = read(tmp_path, MODULES)
    settings = {"description": "Orders of the day", "timeout_seconds": 600}
    assert [source.module_config for source in file.sources] == [settings, settings]
    assert [source.is_active for source in file.sources] == [True, False]
    assert [source.where for source in file.sources] == [f"{file.path}:6", f"{file.path}:10"]
    assert file.faults == () and file.modules == {"sales"}


def test_all_faults_of_a_file_are_listed_with_their_lines(tmp_path: Path) -> None:
    text = """\
- source_id: a
  source_typ: sql
  transformation_config: {task_type: notebook, notebook_path: /a}
- source_id: 7
  source_type: sql
  execution_order: true
  source_config: [1]
  is_active: "no"
  transformation_config:
- source_type: sql
  transformation_config: {task_type: ntebook}
- just text
- source_id: d
  source_type: sql
  execution_order: 3000000000
  transformation_config: {task_type: ntebook}
- source_id: e
  source_type: sql
  transformation_config: {task_type: ntebook}
"""
    faults = path_faults(write(tmp_path, text))
    assert sorted(codes(faults)) == sorted(
        [
            ("FIELD_MISSING", 1),
            ("SOURCE_FIELD_UNKNOWN", 2),
            ("FIELD_TYPE", 4),
            ("FIELD_TYPE", 6),
            ("FIELD_TYPE", 7),
            ("FIELD_TYPE", 8),
            ("FIELD_MISSING", 9),
            ("FIELD_MISSING", 10),
            ("FIELD_TYPE", 12),
            ("FIELD_TYPE", 15),
            ("TASK_TYPE_UNKNOWN", 17),
        ]
    )
    unknown = next(fault for fault in faults if fault.code == "SOURCE_FIELD_UNKNOWN")
    assert unknown.hint == "Did you mean 'source_type'?"
    assert (unknown.module_name, unknown.source_id) == ("metadata", "a")
    lines = [line for _, line in codes(faults)]
    assert lines == sorted(lines)


def test_sources_of_a_module_without_a_name_are_checked_and_not_kept(tmp_path: Path) -> None:
    file = read(tmp_path, "modules:\n  - sources:\n    - source_id: a\n")
    assert file.sources == () and file.modules == frozenset()
    assert codes(file.faults) == [("FIELD_MISSING", 2), ("FIELD_MISSING", 3), ("FIELD_MISSING", 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just text", [("FIELD_TYPE", 1)]),
        ("", [("YAML_EMPTY", 1)]),
        ("# nothing\n", [("YAML_EMPTY", 1)]),
        ("module: []\n", [("FIELD_UNKNOWN", 1), ("FIELD_MISSING", 1)]),
        ("modules:\n", [("FIELD_MISSING", 1)]),
        ("modules: 5\n", [("FIELD_TYPE", 1)]),
        ("modules:\n- 5\n", [("FIELD_TYPE", 2)]),
        ("modules:\n- module_name: a\n", [("FIELD_MISSING", 2)]),
        ("modules:\n- module_name: a\n  sources: x\n", [("FIELD_TYPE", 3)]),
        ("a: b: c\n", [("YAML_INVALID", 1)]),
        ("modules:\n\t- a\n", [("YAML_INVALID", 2)]),
        ("modules: [\n", [("YAML_INVALID", 2)]),
        ("modules: []\n---\nmodules: []\n", [("YAML_INVALID", 2)]),
        ("modules: []\nx: \x07\n", [("YAML_INVALID", 2)]),
        ("modules: []\nmodules: []\n", [("YAML_KEY_DUPLICATE", 2)]),
        ("modules: *nothing\n", [("YAML_INVALID", 1)]),
        ("modules: &all\n- *all\n", [("YAML_INVALID", 2)]),
        ("- {1: 2}\n", [("FIELD_TYPE", 1)] + 3 * [("FIELD_MISSING", 1)]),
        ("modules:\n- !!python/object:os.system {}\n", [("YAML_TAG_REFUSED", 2)]),
        ("modules: !x []\n", [("YAML_TAG_REFUSED", 1)]),
        ("modules: !!seq []\n", [("YAML_TAG_REFUSED", 1)]),
        (b"modules: []\n# \xff\n", [("YAML_NOT_UTF8", 2)]),
        ("modules: []".encode("utf-16"), [("YAML_NOT_UTF8", 1)]),
        ("[" * 20_000, [("YAML_INVALID", 1)]),
    ],
)
def test_bad_files_are_refused(
    tmp_path: Path, text: str | bytes, expected: list[tuple[str, int]]
) -> None:
    file = read(tmp_path, text)
    assert [each for each in codes(file.faults) if each in expected] == expected
    assert file.sources == ()


def test_a_file_without_sources_is_fine(tmp_path: Path) -> None:
    assert path_faults(write(tmp_path, "modules: []\n")) == []
    assert path_faults(write(tmp_path, "[]\n")) == []


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["- &a0 [" + ",".join(["x"] * 10) + "]"]
    lines += [f"- &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    file = read(tmp_path, "\n".join(lines))
    assert [fault.code for fault in file.faults] == ["YAML_ALIASES"]


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    os.truncate(path, 5 * MAX_YAML_BYTES)
    assert [fault.code for fault in path_faults(path)] == ["YAML_TOO_LARGE"]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert [fault.code for fault in path_faults(tmp_path / "no.yml")] == ["YAML_UNREADABLE"]
    os.mkfifo(tmp_path / "pipe.yml")
    assert [fault.code for fault in path_faults(tmp_path / "pipe.yml")] == ["YAML_UNREADABLE"]


def test_scalars_follow_yaml_1_2(tmp_path: Path) -> None:
    text = "[yes, on, true, ~, null, 010, 0x1F, 0o17, 1e3, .5, 1_000, 2024-01-01, 1:30, '7', \"\"]"
    values = ["yes", "on", True, None, None, 10, 31, 15, 1000.0, 0.5, "1_000", "2024-01-01", "1:30"]
    assert plain(text) == [*values, "7", ""]


def test_a_date_is_kept_as_its_text(tmp_path: Path) -> None:
    text = SOURCE.format(id="a") + "  source_config: {since: 2024-01-01}\n"
    assert read(tmp_path, text).sources[0].source_config == {"since": "2024-01-01"}


@pytest.mark.parametrize("value", [".inf", "-.INF", ".nan", "1e999"])
def test_numbers_that_json_lacks_are_refused(value: str) -> None:
    assert [fault.code for fault in read_nodes(f"a: {value}", "f")[1]] == ["FIELD_TYPE"]


def test_halves_of_characters_are_joined_or_refused() -> None:
    assert plain(r'"\ud83d\ude00"') == "\U0001f600"
    assert [fault.code for fault in read_nodes(r'"\ud83d"', "f")[1]] == ["FIELD_TYPE"]


def test_merge_keys_give_defaults() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {x: 3, z: 4}\nc: {<<: [*a, *b], y: 5}\n"
    assert plain(text)["c"] == {"x": 1, "y": 5, "z": 4}  # type: ignore[index]


def test_module_name_of_a_source_may_not_contradict_its_module(tmp_path: Path) -> None:
    text = MODULES.replace("source_id: load\n", "source_id: load\n        module_name: hr\n")
    assert codes(read(tmp_path, text).faults) == [("MODULE_DIFFERS", 7)]


def test_an_id_that_stands_twice_is_a_fault_of_both_files(tmp_path: Path) -> None:
    text = "- module_name: m\n  " + SOURCE.format(id="a")[2:]
    files = read_files([write(tmp_path, text, "a.yml"), write(tmp_path, text, "b.yml")])
    assert [codes(file.faults) for file in files] == [[("SOURCE_DUPLICATE", 1)]] * 2


def test_a_module_may_be_spread_over_files(tmp_path: Path) -> None:
    after = "    depends_on: [a]\n"
    text = "- module_name: m\n  " + SOURCE[2:]
    task = "{{task_type: notebook, notebook_path: /Workspace/a}}"
    block = "\n    task_type: notebook\n    notebook_path: /Workspace/a"
    write(tmp_path, text.format(id="a"), "a.yml")
    path = write(tmp_path, text.replace(task, block).format(id="b") + after, "b.yml")
    assert path_faults(tmp_path) == []
    assert [fault.code for fault in path_faults(path)] == ["DEPENDENCY_UNKNOWN"]


def test_graph_of_a_module_with_a_bad_source_is_not_blamed(tmp_path: Path) -> None:
    text = SOURCE.format(id="a").replace("/a}", "/a, depends_on: [b]}") + "- source_id: b\n"
    assert {fault.code for fault in path_faults(write(tmp_path, text))} == {"FIELD_MISSING"}


def test_faults_of_files_are_raised_together(tmp_path: Path) -> None:
    write(tmp_path, "- 1\n", "a.yml")
    write(tmp_path, "- 2\n- 3\n", "b.yml")
    with pytest.raises(MetadataError) as caught:
        sources_of_path(tmp_path)
    assert codes(caught.value.faults) == [("FIELD_TYPE", 1), ("FIELD_TYPE", 1), ("FIELD_TYPE", 2)]


def test_listing_is_recursive_sorted_and_stays_in_the_folder(tmp_path: Path) -> None:
    outside = write(tmp_path, "[]", "outside/secret.yml")
    for name in ("b.yml", "a/c.yaml", "a/d.txt", ".hidden.yml", ".git/e.yml"):
        write(tmp_path, "[]", f"in/{name}")
    (tmp_path / "in/link.yml").symlink_to(outside)
    (tmp_path / "in/folder").symlink_to(outside.parent)
    folder = str(tmp_path / "in")
    assert list_yaml_files(folder) == [f"{folder}/a/c.yaml", f"{folder}/b.yml"]


def test_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list_yaml_files(str(tmp_path / "no"))
    assert caught.value.code == "VOLUME_UNREACHABLE"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINES = st.text("ab :#-'\"\n\t|>&*!%@`{}[],?~0.e\\\r\x85\u2028\ufeff", max_size=30)
NAMES = (TEXTS | LINES).filter(str.strip)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | LINES
    | st.sampled_from(["yes", "null", "1e5", ".5e3", "0o7", "<<", "2024-01-01", "", "~", "01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | LINES, inner, max_size=3),
    max_leaves=8,
)
CONFIGS = st.dictionaries(
    TEXTS | LINES | st.sampled_from(["<<", "true", "null"]), VALUES, max_size=4
)
SOURCES = st.builds(
    Source,
    NAMES,
    NAMES,
    TEXTS,
    st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
    CONFIGS,
    CONFIGS,
    CONFIGS,
    st.booleans(),
    st.dictionaries(st.sampled_from(["description", "x"]), NAMES, max_size=2),
)


@given(st.lists(SOURCES, max_size=3))
def test_export_reads_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, sources) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.getbasetemp() / "export.yml"
    path.write_text(sources_as_yaml(sources), encoding="utf-8", newline="")
    file = read_source_file(path)
    assert file.faults == ()
    assert sorted(map(str, map(source_row, file.sources))) == sorted(
        map(str, map(source_row, sources))
    )


def test_export_is_readable() -> None:
    config = {"task_type": "sql_query", "sql_task": {"sql_query": "SELECT 1\nFROM a\n"}}
    source = Source("a", "m", "sql", 1, transformation_config=config)
    text = sources_as_yaml([source])
    assert "sql_query: |\n" in text and "FROM a\n" in text


def test_a_file_that_stays_the_same_is_parsed_once(tmp_path: Path) -> None:
    paths = [write(tmp_path, SOURCE.format(id=name), f"{name}.yml") for name in ("a", "b", "c")]
    known: dict[str, SourceFile] = {}
    first = read_files(paths, known)
    parsed = dict(known)
    write(tmp_path, SOURCE.format(id="changed"), "b.yml")
    again = read_files(paths[:2], known)
    assert known[str(paths[0])] is parsed[str(paths[0])]
    assert again[0] == first[0] and again[1].sources[0].source_id == "changed"
    assert list(known) == [str(path) for path in paths[:2]]


def test_a_file_that_stays_the_same_may_be_at_fault_with_another(tmp_path: Path) -> None:
    paths = [write(tmp_path, SOURCE.format(id=name), f"{name}.yml") for name in ("a", "b")]
    bare = SOURCE.format(id="a").replace("\n  source_type", "\n  module_name: a\n  source_type")
    known: dict[str, SourceFile] = {}
    assert not any(file.faults for file in read_files(paths, known))
    write(tmp_path, bare, "b.yml")
    assert [codes(file.faults) for file in read_files(paths, known)] == [
        [("SOURCE_DUPLICATE", 1)],
        [("SOURCE_DUPLICATE", 1)],
    ]
    write(tmp_path, SOURCE.format(id="b"), "b.yml")
    assert not any(file.faults for file in read_files(paths, known))
