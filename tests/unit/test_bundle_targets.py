from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.bundle.load import read_target
from headwater.bundle.merge import apply_target, merge, merge_keyed
from headwater.bundle.targets import short_name
from headwater.errors import BundleError, Location
from headwater.yaml_nodes import as_node
from unit.test_bundle_support import PIPELINE, load, refusal, write_bundle

PLACE = Location("databricks.yml", 1)
SCALARS = st.one_of(st.integers(), st.booleans(), st.text("ab", max_size=3))
MAPS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("abc"), inner)),
)


def merged(base: object, over: object) -> Any:
    return merge(as_node(base, PLACE), as_node(over, PLACE)).plain()


@given(MAPS)
def test_merge_of_a_map_with_itself_changes_nothing(data: dict[str, object]) -> None:
    assert merged(data, data) == data


@given(MAPS, MAPS)
def test_merge_repeated_changes_nothing(base: dict[str, object], over: dict[str, object]) -> None:
    try:
        once = merged(base, over)
    except BundleError as error:
        assert error.code == "BUNDLE_MERGE_CONFLICT"
        return
    assert merged(once, over) == once


def test_merge_goes_deep_and_the_later_scalar_wins() -> None:
    base = {"a": {"x": 1, "y": {"z": 1}}, "b": 1}
    assert merged(base, {"a": {"y": {"z": 2, "w": 3}}}) == {
        "a": {"x": 1, "y": {"z": 2, "w": 3}},
        "b": 1,
    }


def test_merge_joins_lists() -> None:
    assert merged({"a": [1, 2]}, {"a": [2, 3]}) == {"a": [1, 2, 2, 3]}


def test_merge_keeps_the_value_over_a_null() -> None:
    assert merged({"a": 1, "b": None}, {"a": None, "b": 2}) == {"a": 1, "b": 2}


@pytest.mark.parametrize(("base", "over"), [({"k": 1}, [1]), ([1], "x"), (1, {"k": 1})])
def test_merge_of_different_kinds_is_refused(base: object, over: object) -> None:
    with pytest.raises(BundleError) as caught:
        merged({"a": {"b": base}}, {"a": {"b": over}})
    assert caught.value.code == "BUNDLE_MERGE_CONFLICT"
    assert caught.value.parameters["key"] == "a.b"


def test_target_merges_clusters_by_label() -> None:
    def pipelines(*clusters: dict[str, object]) -> dict[str, object]:
        return {"resources": {"pipelines": {"p": {"clusters": list(clusters)}}}}

    base = pipelines({"num_workers": 1, "conf": {"a": 1}}, {"label": "maintenance", "n": 1})
    over = pipelines({"label": "Default", "num_workers": 4, "conf": {"b": 2}}, {"label": "up"})
    tree = apply_target(as_node({**base, "targets": {"dev": over}}, PLACE), "dev")
    assert merge_keyed(tree).plain() == pipelines(
        {"label": "Default", "num_workers": 4, "conf": {"a": 1, "b": 2}},
        {"label": "maintenance", "n": 1},
        {"label": "up"},
    )


def test_item_of_a_list_merges_with_the_map_that_a_variable_holds(tmp_path: Path) -> None:
    main = """
    variables:
      cluster: {type: complex, default: {num_workers: 8, spark_version: "16.4"}}
    resources:
      jobs:
        j: {job_clusters: [{job_cluster_key: main, new_cluster: "${var.cluster}"}]}
    targets:
      dev:
        resources:
          jobs:
            j: {job_clusters: [{job_cluster_key: main, new_cluster: {num_workers: 1}}]}
    """
    tree = read_target(
        write_bundle(tmp_path, main), "dev", variables={}, environment={}, user_name="ada"
    ).complete
    [cluster] = tree.below("resources", "jobs", "j")["job_clusters"].items
    assert cluster.plain()["new_cluster"] == {"num_workers": 1, "spark_version": "16.4"}


def test_development_may_leave_the_names_of_schemas(tmp_path: Path) -> None:
    main = """
    experimental: {skip_name_prefix_for_schema: true}
    resources:
      schemas: {s: {catalog_name: main, name: bronze}}
    targets: {dev: {mode: development}}
    """
    bundle = load(tmp_path, main, user_name="ada")
    assert bundle.schemas["s"].name == "bronze"


def test_development_names_what_references_lead_to(tmp_path: Path) -> None:
    main = """
    resources:
      schemas: {s: {catalog_name: main, name: ml}}
      registered_models: {m: {catalog_name: main, schema_name: ml, name: churn}}
      experiments: {e: {name: /Shared/trials}}
      dashboards: {d: {display_name: Sales}}
      jobs:
        j:
          tasks: [{task_key: t, notebook_task: {notebook_path: nb}}]
          parameters:
            - {name: schema, default: "${resources.registered_models.m.schema_name}"}
            - {name: model, default: "${resources.registered_models.m.name}"}
            - {name: trials, default: "${resources.experiments.e.name}"}
            - {name: page, default: "${resources.dashboards.d.display_name}"}
    targets: {dev: {mode: development}}
    """
    bundle = load(tmp_path, main, user_name="ada")
    assert [each["default"] for each in bundle.job("j").settings["parameters"]] == [
        "dev_ada_ml",
        "dev_ada_churn",
        "/Shared/[dev ada] trials",
        "[dev ada] Sales",
    ]


def test_files_below_the_root_of_a_workspace_are_those_of_the_bundle(tmp_path: Path) -> None:
    place = "${workspace.root_path}/files"
    main = f"""
    resources:
      pipelines:
        flow:
          schema: bronze
          libraries: [{{file: {{path: "{place}/flow.py"}}}}]
          configuration: {{a: "/Workspace{place}/lib", b: "{place}2/lib"}}
    """
    spec = load(tmp_path, main).pipeline()
    assert spec.source_files == (tmp_path / "flow.py",)
    assert spec.configuration == {"a": f"{tmp_path}/lib", "b": f"{tmp_path}/files2/lib"}


def test_pipeline_that_only_a_workspace_runs_leaves_the_others_alone(tmp_path: Path) -> None:
    main = """
    resources:
      pipelines:
        flow: {schema: bronze, libraries: [{file: {path: flow.py}}]}
        jar: {schema: bronze, libraries: [{maven: {coordinates: "a:b:1"}}]}
    """
    bundle = load(tmp_path, main)
    assert bundle.pipeline().key == "flow"
    with pytest.raises(BundleError, match="LIBRARY_UNSUPPORTED"):
        bundle.pipeline("jar")


def test_target_overrides_a_pipeline(tmp_path: Path) -> None:
    main = """
    resources:
      pipelines:
        flow:
          catalog: lake
          schema: bronze
          libraries: [{file: {path: flow.py}}]
          configuration: {rate: 1, mode: fast}
    targets:
      test:
        resources:
          pipelines:
            flow:
              schema: test_bronze
              configuration: {rate: 2}
    """
    spec = load(tmp_path, main, target="test").pipeline()
    assert (spec.catalog, spec.schema) == ("lake", "test_bronze")
    assert spec.configuration == {"rate": "2", "mode": "fast"}


def test_target_may_define_a_resource_of_its_own(tmp_path: Path) -> None:
    main = """
    targets:
      test:
        resources:
          schemas: {extra: {catalog_name: c, name: n}}
    """
    assert list(load(tmp_path, main).schemas) == ["extra"]


def test_target_that_is_the_only_one_is_chosen(tmp_path: Path) -> None:
    assert load(tmp_path, "targets: {solo: }\n").target == "solo"


def test_target_marked_as_default_is_chosen(tmp_path: Path) -> None:
    assert load(tmp_path, "targets: {a: {}, b: {default: true}}\n").target == "b"


def test_target_missing_lists_the_targets(tmp_path: Path) -> None:
    error = refusal(tmp_path, "targets: {a: {}, b: {}}\n")
    assert (error.code, error.parameters["known"]) == ("TARGET_MISSING", ("a", "b"))


def test_target_with_two_defaults_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "targets: {a: {default: true}, b: {default: true}}\n")
    assert error.code == "TARGET_AMBIGUOUS"


def test_target_unknown_gives_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, "targets: {prod: {}, dev: {}}\n", target="prd")
    assert (error.code, error.parameters["target"]) == ("TARGET_UNKNOWN", "prd")
    assert "'prod'" in error.hint


def test_target_given_to_a_bundle_without_targets_is_unknown(tmp_path: Path) -> None:
    assert refusal(tmp_path, "", target="dev").code == "TARGET_UNKNOWN"


def dev(tmp_path: Path, extra: str = "", pipeline: str = "") -> Any:
    main = PIPELINE + pipeline + "\ntargets:\n  dev:\n    mode: development\n" + extra
    return load(tmp_path, main, user_name="al")


def test_development_puts_the_user_before_pipelines(tmp_path: Path) -> None:
    spec = dev(tmp_path).pipeline()
    assert (spec.name, spec.development) == ("[dev al] flow", True)


def test_development_renames_schemas_but_no_volumes(tmp_path: Path) -> None:
    more = "  schemas: {s: {catalog_name: c, name: raw}}\n"
    more += "  volumes: {v: {catalog_name: c, schema_name: other, name: raw}}\n"
    bundle = dev(tmp_path, pipeline=more)
    assert bundle.schemas["s"].name == "dev_al_raw"
    assert bundle.volumes["v"].path == "/Volumes/c/other/raw"


def test_development_moves_literal_users_of_a_schema_along(tmp_path: Path) -> None:
    more = "      catalog: c\n  schemas: {s: {catalog_name: c, name: bronze}}\n"
    more += "  volumes: {v: {catalog_name: c, schema_name: bronze, name: raw}}\n"
    bundle = dev(tmp_path, pipeline=more)
    assert bundle.pipeline().schema == "dev_al_bronze"
    assert bundle.volumes["v"].schema == "dev_al_bronze"


def test_development_leaves_a_schema_of_another_catalog(tmp_path: Path) -> None:
    more = "      catalog: c\n  schemas: {s: {catalog_name: d, name: bronze}}\n"
    assert dev(tmp_path, pipeline=more).pipeline().schema == "bronze"


def test_development_takes_continuous_away(tmp_path: Path) -> None:
    assert not dev(tmp_path, pipeline="      continuous: true\n").pipeline().continuous


def test_development_unpaused_keeps_continuous(tmp_path: Path) -> None:
    extra = "    presets: {trigger_pause_status: UNPAUSED}\n"
    assert dev(tmp_path, extra, "      continuous: true\n").pipeline().continuous


def test_preset_keeps_pipelines_out_of_development(tmp_path: Path) -> None:
    extra = "    presets: {pipelines_development: false}\n"
    assert not dev(tmp_path, extra).pipeline().development


def test_preset_pipelines_development_false_leaves_the_pipelines_own_wish(tmp_path: Path) -> None:
    extra = "    presets: {pipelines_development: false}\n"
    assert dev(tmp_path, extra, "      development: true\n").pipeline().development


def test_preset_prefix_replaces_that_of_development(tmp_path: Path) -> None:
    extra = (
        "    presets: {name_prefix: '[${bundle.target} ${workspace.current_user.short_name}]'}\n"
    )
    more = "  schemas: {s: {catalog_name: c, name: raw}}\n"
    bundle = dev(tmp_path, extra, more)
    assert (bundle.pipeline().name, bundle.schemas["s"].name) == ("[dev al]flow", "dev_al_raw")


def test_preset_prefix_works_without_a_mode(tmp_path: Path) -> None:
    bundle = load(tmp_path, PIPELINE + "presets: {name_prefix: 'team-'}\n")
    assert (bundle.pipeline().name, bundle.pipeline().development) == ("team-flow", False)


def test_production_leaves_names_and_development(tmp_path: Path) -> None:
    bundle = load(tmp_path, PIPELINE + "targets: {prod: {mode: production}}\n")
    spec = bundle.pipeline()
    assert (bundle.mode, spec.name, spec.development) == ("production", "flow", False)


def test_production_refuses_a_pipeline_in_development(tmp_path: Path) -> None:
    main = PIPELINE + "      development: true\ntargets: {prod: {mode: production}}\n"
    error = refusal(tmp_path, main)
    assert (error.code, error.parameters["key"]) == ("MODE_CONFLICT", "flow")


def test_mode_unknown_gives_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, "targets: {d: {mode: developement}}\n")
    assert (error.code, error.parameters["key"]) == ("BUNDLE_VALUE_WRONG", "mode")
    assert "'development'" in error.hint


@pytest.mark.parametrize(
    ("user", "short"),
    [("local", "local"), ("Alice.Doe+x@example.org", "alice_doe_x"), ("José-M@x", "josé_m")],
)
def test_short_name_keeps_letters_and_digits(user: str, short: str) -> None:
    assert short_name(user) == short
