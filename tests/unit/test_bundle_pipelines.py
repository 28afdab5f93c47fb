from __future__ import annotations

from pathlib import Path

import pytest

from headwater.bundle import PipelineSpec, load_bundle
from headwater.errors import BundleError, Location
from unit.test_bundle_support import PIPELINE, load, refusal, write_bundle

FLOW = """
resources:
  pipelines:
    flow:
      schema: bronze
      libraries:
"""


def sources(folder: Path, *libraries: str) -> list[str]:
    spec = load(folder, FLOW + "".join(f"        - {entry}\n" for entry in libraries)).pipeline()
    return [path.relative_to(folder).as_posix() for path in spec.source_files]


def touch(folder: Path, *names: str, text: str = "x = 1\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def flow(folder: Path, *lines: str) -> PipelineSpec:
    return load(folder, PIPELINE + "".join(f"      {line}\n" for line in lines)).pipeline()


def flow_refusal(folder: Path, *lines: str) -> BundleError:
    return refusal(folder, PIPELINE + "".join(f"      {line}\n" for line in lines))


def test_pipeline_of_the_least_fields_has_defaults(tmp_path: Path) -> None:
    assert flow(tmp_path) == PipelineSpec(
        key="flow",
        name="flow",
        catalog="main",
        schema="bronze",
        source_files=(tmp_path / "flow.py",),
        root_path=None,
        configuration={},
        parameters={},
        dependencies=(),
        continuous=False,
        development=False,
        no_effect=(),
        location=Location(str(tmp_path / "databricks.yml"), 6),
    )


def test_pipeline_fields_are_read(tmp_path: Path) -> None:
    spec = flow(
        tmp_path,
        "name: The flow",
        "catalog: lake",
        "continuous: true",
        "development: true",
        "root_path: .",
        "environment: {dependencies: ['--editable ${workspace.file_path}', pandas]}",
    )
    assert (spec.name, spec.catalog, spec.root_path) == ("The flow", "lake", tmp_path)
    assert (spec.continuous, spec.development) == (True, True)
    assert spec.dependencies == (f"--editable {tmp_path.as_posix()}", "pandas")


def test_pipeline_configuration_shows_values_as_yaml(tmp_path: Path) -> None:
    line = "configuration: {a: true, b: 5, c: 0.5, d: text, e: '007', f: 2026-01-02, g: , h: no}"
    assert flow(tmp_path, line).configuration == {
        "a": "true",
        "b": "5",
        "c": "0.5",
        "d": "text",
        "e": "007",
        "f": "2026-01-02",
        "h": "no",
    }


def test_pipeline_names_fields_that_have_no_effect(tmp_path: Path) -> None:
    spec = flow(
        tmp_path,
        "serverless: true",
        "clusters: [{label: default, node_type_id: '${var.unknown}'}]",
        "channel: CURRENT",
        "photon:",
        "environment: {environment_version: '4'}",
        "pipeline_id: abc",
    )
    assert spec.no_effect == (
        "serverless",
        "clusters",
        "channel",
        "environment.environment_version",
    )


def test_pipeline_takes_the_legacy_name_of_schema(tmp_path: Path) -> None:
    main = PIPELINE.replace("schema: bronze", "target: old")
    assert load(tmp_path, main).pipeline().schema == "old"


def test_pipeline_with_both_names_of_schema_is_refused(tmp_path: Path) -> None:
    assert flow_refusal(tmp_path, "target: old").code == "BUNDLE_KEY_CONFLICT"


def test_pipeline_without_schema_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, PIPELINE.replace("      schema: bronze\n", ""))
    assert error.code == "BUNDLE_KEY_MISSING"
    assert error.parameters == {"key": "schema", "path": "resources.pipelines.flow"}


@pytest.mark.parametrize("libraries", ["", " []"])
def test_pipeline_without_libraries_is_refused(tmp_path: Path, libraries: str) -> None:
    error = refusal(tmp_path, FLOW.rstrip("\n") + libraries + "\n")
    assert (error.code, error.parameters["key"]) == ("BUNDLE_KEY_MISSING", "libraries")


def test_libraries_glob_goes_down_all_levels_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "src/b.py", "src/a/z.sql", "src/a/deep/n.ipynb", "src/readme.md")
    assert sources(tmp_path, "glob: {include: src/**}") == [
        "src/a/deep/n.ipynb",
        "src/a/z.sql",
        "src/b.py",
    ]


def test_libraries_glob_passes_over_what_is_no_source(tmp_path: Path) -> None:
    touch(tmp_path, "src/a.py", "src/__pycache__/a.py", "src/.hidden.py", "src/.git/x.py")
    touch(tmp_path, "src/__init__.py", text="")
    touch(tmp_path, "src/full/__init__.py")
    assert sources(tmp_path, "glob: {include: src/**}") == ["src/a.py", "src/full/__init__.py"]


def test_libraries_glob_of_one_level(tmp_path: Path) -> None:
    touch(tmp_path, "src/a.py", "src/b.sql", "src/deep/c.py")
    assert sources(tmp_path, "glob: {include: src/*.py}") == ["src/a.py"]


def test_libraries_glob_may_name_one_file(tmp_path: Path) -> None:
    assert sources(tmp_path, "glob: {include: flow.py}") == ["flow.py"]


def test_libraries_glob_may_start_at_the_file_path(tmp_path: Path) -> None:
    touch(tmp_path, "src/a.py")
    entry = "glob: {include: '${workspace.file_path}/src/**'}"
    assert sources(tmp_path, entry) == ["src/a.py"]


def test_libraries_keep_their_order_and_each_file_once(tmp_path: Path) -> None:
    touch(tmp_path, "src/a.py", "src/b.py")
    entries = ["file: {path: src/b.py}", "glob: {include: src/**}", "file: {path: flow.py}"]
    assert sources(tmp_path, *entries) == ["src/b.py", "src/a.py", "flow.py"]


@pytest.mark.parametrize("suffix", [".py", ".ipynb", ".sql"])
def test_libraries_notebook_may_leave_its_suffix_out(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"src/my.note{suffix}")
    assert sources(tmp_path, "notebook: {path: ./src/my.note}") == [f"src/my.note{suffix}"]


def test_libraries_count_from_the_file_they_stand_in(tmp_path: Path) -> None:
    resource = """
    resources:
      pipelines:
        flow:
          schema: s
          root_path: ../src
          libraries:
            - glob: {include: ../src/**}
            - file: {path: ../src/a.py}
    """
    touch(tmp_path, "src/a.py")
    write_bundle(tmp_path, "include: [resources/*.yml]\n", **{"resources__flow.yml": resource})
    spec = load_bundle(tmp_path).pipeline()
    assert (spec.source_files, spec.root_path) == ((tmp_path / "src/a.py",), tmp_path / "src")


def test_libraries_of_a_target_join_and_count_from_its_file(tmp_path: Path) -> None:
    resource = """
    resources:
      pipelines:
        flow: {schema: s, libraries: [{file: {path: ../flow.py}}]}
    """
    main = """
    include: [resources/*.yml]
    targets:
      dev:
        resources: {pipelines: {flow: {libraries: [{file: {path: more.py}}]}}}
    """
    touch(tmp_path, "more.py")
    write_bundle(tmp_path, main, **{"resources__flow.yml": resource})
    files = load_bundle(tmp_path).pipeline().source_files
    assert files == (tmp_path / "flow.py", tmp_path / "more.py")


@pytest.mark.parametrize(
    "entry",
    [
        "glob: {include: empty/**}",
        "glob: {include: '*.scala'}",
        "file: {path: gone.py}",
        "notebook: {path: gone}",
        "glob: {include: empty}",
    ],
)
def test_libraries_without_a_file_are_named(tmp_path: Path, entry: str) -> None:
    (tmp_path / "empty").mkdir()
    error = refusal(tmp_path, FLOW + f"        - {entry}\n")
    assert (error.code, error.parameters["line"]) == ("LIBRARY_EMPTY", 9)


@pytest.mark.parametrize(
    "entry", ["jar: a.jar", "maven: {coordinates: 'a:b:1'}", "file: {path: readme.md}", "{}"]
)
def test_libraries_that_are_no_source_are_refused(tmp_path: Path, entry: str) -> None:
    touch(tmp_path, "readme.md")
    assert refusal(tmp_path, FLOW + f"        - {entry}\n").code == "LIBRARY_UNSUPPORTED"


@pytest.mark.parametrize(
    "entry", ["file: {path: ../out.py}", "glob: {include: ../*.py}", "file: {path: /etc/passwd}"]
)
def test_libraries_outside_the_bundle_are_refused(tmp_path: Path, entry: str) -> None:
    touch(tmp_path, "out.py")
    inner = tmp_path / "bundle"
    inner.mkdir()
    assert refusal(inner, FLOW + f"        - {entry}\n").code == "BUNDLE_PATH_OUTSIDE"


def test_libraries_behind_a_link_out_of_the_bundle_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "out/a.py")
    inner = tmp_path / "bundle"
    inner.mkdir()
    (inner / "src").symlink_to(tmp_path / "out")
    error = refusal(inner, FLOW + "        - glob: {include: src/*.py}\n")
    assert error.code == "BUNDLE_PATH_OUTSIDE"


def test_root_path_outside_the_bundle_is_refused(tmp_path: Path) -> None:
    assert flow_refusal(tmp_path, "root_path: ../..").code == "BUNDLE_PATH_OUTSIDE"


def test_schema_and_volume_are_read(tmp_path: Path) -> None:
    main = """
    resources:
      schemas: {s: {catalog_name: lake, name: raw, comment: c}}
      volumes:
        v: {catalog_name: lake, schema_name: raw, name: in}
        e: {catalog_name: lake, schema_name: raw, name: ex, volume_type: EXTERNAL}
    """
    bundle = load(tmp_path, main)
    assert (bundle.schemas["s"].catalog, bundle.schemas["s"].name) == ("lake", "raw")
    assert (bundle.volumes["v"].path, bundle.volumes["v"].volume_type) == (
        "/Volumes/lake/raw/in",
        "MANAGED",
    )
    assert bundle.volumes["e"].volume_type == "EXTERNAL"


def test_volume_of_an_unknown_type_is_refused(tmp_path: Path) -> None:
    main = "resources: {volumes: {v: {catalog_name: c, schema_name: s, name: n, volume_type: X}}}\n"
    assert refusal(tmp_path, main).code == "BUNDLE_VALUE_WRONG"


@pytest.mark.parametrize("kind", ["schemas", "volumes"])
def test_schema_and_volume_need_a_catalog(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path, f"resources: {{{kind}: {{x: {{name: n}}}}}}\n")
    assert (error.code, error.parameters["key"]) == ("BUNDLE_KEY_MISSING", "catalog_name")


TWO = (
    PIPELINE
    + """
    other:
      name: The other
      schema: s
      libraries: [{file: {path: flow.py}}]
"""
)


def test_pipeline_is_found_by_key_and_by_full_name(tmp_path: Path) -> None:
    bundle = load(tmp_path, TWO + "targets: {d: {mode: development}}\n", user_name="al")
    assert bundle.pipeline("other") is bundle.pipeline("[dev al] The other")


def test_pipeline_unknown_gives_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        load(tmp_path, TWO).pipeline("othr")
    assert (caught.value.code, caught.value.parameters["known"]) == (
        "PIPELINE_UNKNOWN",
        ("flow", "other"),
    )
    assert "'other'" in caught.value.hint


@pytest.mark.parametrize(("main", "known"), [(TWO, ("flow", "other")), ("", ())])
def test_pipeline_without_a_key_needs_exactly_one(
    tmp_path: Path, main: str, known: tuple[str, ...]
) -> None:
    with pytest.raises(BundleError) as caught:
        load(tmp_path, main).pipeline()
    assert (caught.value.code, caught.value.parameters["known"]) == ("PIPELINE_MISSING", known)


def test_pipeline_of_managed_ingestion_is_refused_when_asked_for(tmp_path: Path) -> None:
    bundle = load(tmp_path, PIPELINE + "    sales: {ingestion_definition: {objects: []}}\n")
    assert bundle.pipeline().key == "flow"
    with pytest.raises(BundleError) as caught:
        bundle.pipeline("sales")
    assert caught.value.code == "PIPELINE_UNSUPPORTED"


def test_pipeline_with_empty_fields_has_the_defaults(tmp_path: Path) -> None:
    more = "      catalog: ''\n      configuration: {a: , b: '', c: 1.0, d: 1.50, e: yes}\n"
    spec = load(tmp_path, PIPELINE + more).pipeline()
    assert spec.catalog == "main"
    assert spec.configuration == {"b": "", "c": "1", "d": "1.5", "e": "yes"}


@pytest.mark.parametrize(("text", "flag"), [("yes", True), ("On", True), ("no", False)])
def test_pipeline_flag_in_the_spellings_of_the_databricks_cli(
    tmp_path: Path, text: str, flag: bool
) -> None:
    spec = load(tmp_path, PIPELINE + f"      continuous: {text}\n").pipeline()
    assert (spec.continuous, spec.no_effect) == (flag, ())
