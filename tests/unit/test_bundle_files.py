from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.bundle import load_bundle
from headwater.errors import BundleError, Location
from unit.test_bundle_support import HEAD, PIPELINE, load, refusal, write_bundle


def refused(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.hint
    return caught.value


def warned(folder: Path) -> tuple[BundleError, ...]:
    """Return the warnings of a bundle, or those beside its error."""
    try:
        return load_bundle(folder).warnings
    except BundleError as error:
        return error.parameters["warnings"]  # type: ignore[return-value]


def broken(folder: Path, content: str | bytes) -> BundleError:
    file = folder / "databricks.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return refused(folder)


def test_bundle_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = write_bundle(tmp_path, "") / "src" / "deep"
    below.mkdir(parents=True)
    assert load_bundle(below).root == tmp_path


def test_bundle_is_found_by_its_file(tmp_path: Path) -> None:
    write_bundle(tmp_path, "")
    assert load_bundle(tmp_path / "databricks.yml").root == tmp_path


def test_bundle_may_be_spelled_yaml(tmp_path: Path) -> None:
    (tmp_path / "databricks.yaml").write_text(HEAD)
    assert load_bundle(tmp_path).name == "demo"


def test_bundle_in_both_spellings_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path, "", **{"databricks.yaml": HEAD})
    assert refused(tmp_path).code == "BUNDLE_AMBIGUOUS"


@pytest.mark.parametrize("below", ["", "missing", "missing/databricks.yml"])
def test_bundle_that_is_nowhere(tmp_path: Path, below: str) -> None:
    assert refused(tmp_path / below).code == "BUNDLE_NOT_FOUND"


def test_bundle_without_a_name_is_refused(tmp_path: Path) -> None:
    error = broken(tmp_path, "bundle: {}\n")
    assert (error.code, error.parameters["key"]) == ("BUNDLE_KEY_MISSING", "name")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("bundle:\n  name: [a\n", 3),
        ("bundle:\n\tname: a\n", 2),
        ("bundle:\n  name: a: b\n", 2),
        ("bundle: *nowhere\n", 1),
        ("bundle:\n  name: x\n---\nbundle: y\n", 3),
        ("bundle:\n  ? [a]\n  : b\n", 2),
        ("bundle:\n  name: !secret x\n", 2),
        ("bundle: &a\n  name: *a\n", 2),
        ("bundle:\n  <<: text\n", 2),
        ("", 0),
        ("# nothing\n", 0),
        ("bundle: \x00\n", 1),
        ("bundle: " + "[" * 400 + "]" * 400, 1),
        ("bundle:\n  name: caf\xe9\n".encode("latin-1"), 0),
    ],
)
def test_yaml_that_is_broken_names_the_line(
    tmp_path: Path, content: str | bytes, line: int
) -> None:
    error = broken(tmp_path, content)
    assert (error.code, error.parameters["line"]) == ("BUNDLE_YAML_INVALID", line)


def test_yaml_with_a_tab_says_to_use_spaces(tmp_path: Path) -> None:
    assert "spaces" in broken(tmp_path, "bundle:\n\tname: a\n").hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#?,<\n \t0~$"), max_size=40))
def test_yaml_of_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "databricks.yml").write_text(text)
    try:
        load_bundle(tmp_path)
    except BundleError as error:
        assert error.hint


def test_yaml_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load_bundle(tmp_path).name == "demo"


def test_yaml_anchors_and_merge_keys_are_followed(tmp_path: Path) -> None:
    main = """
    resources:
      schemas:
        a: &base {catalog_name: lake, name: one}
        b:
          <<: *base
          name: two
    """
    schemas = load(tmp_path, main).schemas
    assert (schemas["b"].catalog, schemas["b"].name) == ("lake", "two")


def test_key_twice_in_one_map_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "variables:\n  a: {default: 1}\n  a: {default: 2}\n")
    assert error.code == "BUNDLE_KEY_DUPLICATE"
    assert error.parameters == {"key": "a", "line": 5, "first_line": 4}


@pytest.mark.parametrize(("content", "found"), [("- a\n", "list"), ("text\n", "text")])
def test_file_that_is_no_map_is_refused(tmp_path: Path, content: str, found: str) -> None:
    error = broken(tmp_path, content)
    assert (error.code, error.parameters["found"]) == ("BUNDLE_TYPE_WRONG", found)


@pytest.mark.parametrize(
    ("main", "key", "line", "near"),
    [
        ("resouces: {}\n", "resouces", 3, "resources"),
        ("workspace:\n  hst: x\n", "workspace.hst", 4, "host"),
        ("targets:\n  dev:\n    mod: x\n", "targets.dev.mod", 5, "mode"),
        ("variables:\n  a: {defalt: x}\n", "variables.a.defalt", 4, "default"),
        ("resources:\n  pipelnes: {}\n", "resources.pipelnes", 4, "pipelines"),
        ("presets:\n  name_prefx: x\n", "presets.name_prefx", 4, "name_prefix"),
        (
            "resources:\n  volumes:\n    v:\n      schema: x\n",
            "resources.volumes.v.schema",
            6,
            "schema_name",
        ),
        (
            "resources:\n  schemas:\n    s: {catalog_nam: x}\n",
            "resources.schemas.s.catalog_nam",
            5,
            "catalog_name",
        ),
        (PIPELINE + "      catlog: x\n", "resources.pipelines.flow.catlog", 11, "catalog"),
        (
            PIPELINE + "        - notbook: {path: x}\n",
            "resources.pipelines.flow.libraries[1].notbook",
            11,
            "notebook",
        ),
        (
            PIPELINE + "      environment: {dependecies: []}\n",
            "resources.pipelines.flow.environment.dependecies",
            11,
            "dependencies",
        ),
        (
            "targets:\n  dev:\n    resources: {pipelines: {flow: {shema: x}}}\n",
            "targets.dev.resources.pipelines.flow.shema",
            5,
            "schema",
        ),
    ],
)
def test_key_unknown_names_file_line_and_nearest(
    tmp_path: Path, main: str, key: str, line: int, near: str
) -> None:
    (warning,) = warned(write_bundle(tmp_path, main))
    assert (warning.code, warning.parameters["key"]) == ("BUNDLE_KEY_UNKNOWN", key)
    assert warning.where == Location(str(tmp_path / "databricks.yml"), line)
    assert f"'{near}'" in warning.hint


def test_key_unknown_is_named_beside_the_error_that_it_causes(tmp_path: Path) -> None:
    error = refusal(tmp_path, PIPELINE.replace("schema:", "shema:"))
    warnings = warned(tmp_path)
    assert error.code == "BUNDLE_KEY_MISSING"
    assert [warning.parameters["key"] for warning in warnings] == ["resources.pipelines.flow.shema"]


def test_key_unknown_holds_anchors_without_a_warning(tmp_path: Path) -> None:
    main = """
    x-all: {one: 1}
    shared: &shared {catalog: lake}
    custom:
      two: &two {schema: silver}
    resources:
      pipelines:
        flow:
          <<: [*shared, *two]
          libraries: [{file: {path: flow.py}}]
    """
    bundle = load(tmp_path, main)
    spec = bundle.pipeline()
    assert (spec.catalog, spec.schema) == ("lake", "silver")
    assert [warning.parameters["key"] for warning in bundle.warnings] == ["custom"]


def test_key_unknown_in_a_variable_is_named_once(tmp_path: Path) -> None:
    main = """
    variables:
      libraries:
        type: complex
        default: [{file: {path: flow.py, pth: x}}]
    resources:
      pipelines:
        flow: {schema: bronze, libraries: "${var.libraries}"}
    """
    keys = [warning.parameters["key"] for warning in load(tmp_path, main).warnings]
    assert keys == ["resources.pipelines.flow.libraries[0].file.pth"]


def test_merge_keys_in_a_list_the_later_wins_as_in_the_databricks_cli(tmp_path: Path) -> None:
    main = """
    resources:
      schemas:
        a: &a {catalog_name: lake, name: one}
        b: &b {catalog_name: lake, name: two}
        c: {<<: [*a, *b]}
    """
    assert load(tmp_path, main).schemas["c"].name == "two"


def aliases(levels: int) -> str:
    """Ten times as many values with each level."""
    lines = [f"  a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, levels)]
    return "\n".join(["x-all:", "  a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]", *lines]) + "\n"


@pytest.mark.parametrize("name", ["more.yml", "more.json"])
def test_aliases_that_repeat_too_much_are_refused(tmp_path: Path, name: str) -> None:
    files = {name: aliases(12)}
    error = refused(write_bundle(tmp_path, f"include: [{name}]\n", **files))
    assert (error.code, error.parameters["line"]) == ("BUNDLE_ALIASES", 7)
    assert error.where == Location(str(tmp_path / name), 7)


def test_aliases_that_repeat_much_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, aliases(4)).warnings == ()


@pytest.mark.parametrize(
    ("main", "key", "expected"),
    [
        ("resources: []\n", "resources", "map"),
        ("resources: {pipelines: '${var.p}'}\n", "resources.pipelines", "map"),
        ("include: resources/*.yml\n", "include", "list"),
        ("workspace: {host: [x]}\n", "workspace.host", "text"),
        ("targets: {dev: {default: often}}\n", "targets.dev.default", "flag"),
        ("variables: {a: 5}\n", "variables.a", "map"),
        (PIPELINE + "      configuration: [a]\n", "resources.pipelines.flow.configuration", "map"),
        (
            "resources: {pipelines: {p: {libraries: x}}}\n",
            "resources.pipelines.p.libraries",
            "list",
        ),
    ],
)
def test_value_of_the_wrong_type_names_the_key(
    tmp_path: Path, main: str, key: str, expected: str
) -> None:
    error = refusal(tmp_path, main)
    assert (error.code, error.parameters["key"]) == ("BUNDLE_TYPE_WRONG", key)
    assert error.parameters["expected"] == expected


def test_empty_sections_are_accepted(tmp_path: Path) -> None:
    assert load(tmp_path, "variables:\nresources:\n  pipelines:\nworkspace:\n").pipelines == {}


INCLUDE = "include: [resources/*.yml]\n"


def test_include_reads_files_in_order_of_their_names(tmp_path: Path) -> None:
    schema = "resources: {schemas: {%s: {catalog_name: c, name: n}}}\n"
    files = {f"resources__{name}.yml": schema % name for name in ("b", "a")}
    assert list(load_bundle(write_bundle(tmp_path, INCLUDE, **files)).schemas) == ["a", "b"]


def test_include_pattern_may_match_nothing(tmp_path: Path) -> None:
    main = "include: ['resources/*.yml', '*/*/x.yml', 'a?.yml', 'r[ae]s/a.yml']\n"
    assert load(tmp_path, main).pipelines == {}


@pytest.mark.parametrize("pattern", ["missing.yml", "resources/missing.yml", ""])
def test_include_of_a_missing_file_is_named(tmp_path: Path, pattern: str) -> None:
    error = refusal(tmp_path, f"include: ['{pattern}']\n")
    assert error.code == "BUNDLE_INCLUDE_EMPTY"
    assert error.parameters == {"pattern": pattern, "line": 3}


def test_include_that_leads_out_of_the_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text("resources: {}\n")
    inner = tmp_path / "bundle"
    inner.mkdir()
    assert refusal(inner, "include: [../other.yml]\n").code == "BUNDLE_PATH_OUTSIDE"


def test_include_of_something_else_than_yaml_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "include: [flow.py]\n").code == "BUNDLE_INCLUDE_WRONG"


def test_include_passes_over_the_main_file_and_repeats(tmp_path: Path) -> None:
    files = {"more.yml": "variables: {a: {default: 1}}\n"}
    folder = write_bundle(tmp_path, "include: ['*.yml', 'more.yml']\n", **files)
    assert load_bundle(folder).variables == {"a": 1}


def test_include_in_an_included_file_is_refused(tmp_path: Path) -> None:
    files = {"resources__a.yml": "include: [b.yml]\n"}
    error = refused(write_bundle(tmp_path, INCLUDE, **files))
    assert (error.code, error.parameters["key"]) == ("BUNDLE_KEY_UNKNOWN", "include")


def test_include_names_the_file_that_is_wrong(tmp_path: Path) -> None:
    files = {"resources__a.yml": "resources:\n  pipelnes: {}\n"}
    (warning,) = warned(write_bundle(tmp_path, INCLUDE, **files))
    assert warning.where == Location(str(tmp_path / "resources" / "a.yml"), 2)


def test_include_reads_yaml_that_was_written_as_json(tmp_path: Path) -> None:
    files = {"more.json": '{"variables": {"a": {"default": 1}}}\n'}
    folder = write_bundle(tmp_path, "include: [more.json]\n", **files)
    assert load_bundle(folder).variables == {"a": 1}


def test_include_of_json_with_tabs_and_escapes(tmp_path: Path) -> None:
    text = '{\n\t"variables": {\n\t\t"a": {"default": "a\\/b \\ud83d\\ude00"}}}'
    folder = write_bundle(tmp_path, "include: [more.json]\n", **{"more.json": text})
    assert load_bundle(folder).variables == {"a": "a/b \U0001f600"}


def test_text_with_half_a_character_is_refused(tmp_path: Path) -> None:
    assert broken(tmp_path, 'bundle: {name: "\\ud83d"}\n').code == "BUNDLE_YAML_INVALID"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_include_of_an_empty_file(tmp_path: Path, text: str) -> None:
    folder = write_bundle(tmp_path, "include: [more.yml]\n", **{"more.yml": text})
    assert load_bundle(folder).name == "demo"


@pytest.mark.parametrize("kind", ["schemas", "jobs"])
def test_resource_key_that_is_taken_is_refused(tmp_path: Path, kind: str) -> None:
    files = {"resources__a.yml": f"resources:\n  {kind}:\n    flow: {{name: x}}\n"}
    error = refused(write_bundle(tmp_path, INCLUDE + PIPELINE, **files))
    assert error.code == "RESOURCE_DUPLICATE"
    assert error.parameters == {"key": "flow", "line": 3}


def test_references_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    chain = "".join(f"  v{at}: {{default: '${{var.v{at + 1}}}'}}\n" for at in range(2000))
    error = refusal(tmp_path, f"variables:\n{chain}  v2000: {{default: x}}\n")
    assert error.code == "BUNDLE_TOO_DEEP"


def test_environments_are_targets_by_their_old_name(tmp_path: Path) -> None:
    assert load(tmp_path, "environments: {dev: {}}\n").target == "dev"


def test_targets_by_both_names_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "environments: {dev: {}}\ntargets: {dev: {}}\n")
    assert error.code == "BUNDLE_KEY_CONFLICT"
