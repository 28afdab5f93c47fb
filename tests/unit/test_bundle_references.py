from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.bundle.references import Resolver
from headwater.errors import BundleError, Location
from headwater.yaml_nodes import Node, as_node
from unit.test_bundle_support import PIPELINE, load, refusal

PLACE = Location("databricks.yml", 1)
DEV = """
targets:
  dev:
    mode: development
"""


def tree(data: object) -> Node:
    return as_node(data, PLACE)


def resolve(data: object, text: object) -> object:
    return Resolver(tree(data)).resolve(tree(text)).plain()


def variables(**values: object) -> dict[str, object]:
    return {"variables": {name: {"value": value} for name, value in values.items()}}


def test_reference_through_variable_and_volume_gives_the_dev_schema(tmp_path: Path) -> None:
    main = """
    variables:
      landing:
        default: ${resources.volumes.landing.volume_path}/events
    resources:
      schemas:
        bronze: {catalog_name: lake, name: bronze}
      volumes:
        landing:
          catalog_name: lake
          schema_name: ${resources.schemas.bronze.name}
          name: in
      pipelines:
        flow:
          catalog: ${resources.schemas.bronze.catalog_name}
          schema: ${resources.schemas.bronze.name}
          libraries: [{file: {path: flow.py}}]
          configuration: {path: "${var.landing}/x"}
    targets:
      dev: {mode: development}
    """
    bundle = load(tmp_path, main, user_name="Alice.Doe@example.org")
    assert bundle.pipelines["flow"].configuration == {
        "path": "/Volumes/lake/dev_alice_doe_bronze/in/events/x"
    }
    assert bundle.pipelines["flow"].schema == "dev_alice_doe_bronze"


def test_reference_to_a_pipeline_name_has_the_prefix(tmp_path: Path) -> None:
    main = "variables: {shown: {default: '${resources.pipelines.flow.name}'}}\n" + PIPELINE + DEV
    assert load(tmp_path, main, user_name="bo").variables["shown"] == "[dev bo] flow"


def test_reference_to_a_pipeline_id_is_stable(tmp_path: Path) -> None:
    main = "variables: {id: {default: '${resources.pipelines.flow.id}'}}\n" + PIPELINE + DEV
    first, second = (load(tmp_path, main).variables["id"] for _ in range(2))
    assert first == second
    assert len(str(first)) == 36


def test_reference_to_a_pipeline_id_differs_by_target(tmp_path: Path) -> None:
    main = "variables: {id: {default: '${resources.pipelines.flow.id}'}}\n" + PIPELINE
    main += "targets: {dev: {}, test: {}}\n"
    ids = {load(tmp_path, main, target=name).variables["id"] for name in ("dev", "test")}
    assert len(ids) == 2


def test_reference_cycle_shows_the_whole_circle(tmp_path: Path) -> None:
    main = """
    variables:
      c: {default: "${var.b}!"}
      a: {default: "x${var.c}"}
      b: {default: "${var.a}"}
    """
    error = refusal(tmp_path, main)
    assert error.code == "REFERENCE_CYCLE"
    assert error.parameters["cycle"] == ("var.a", "var.c", "var.b", "var.a")


def test_reference_cycle_through_resources(tmp_path: Path) -> None:
    main = """
    resources:
      schemas:
        a: {catalog_name: main, name: "${resources.schemas.b.name}"}
        b: {catalog_name: main, name: "${resources.schemas.a.name}"}
    """
    assert refusal(tmp_path, main).parameters["cycle"] == (
        "resources.schemas.a.name",
        "resources.schemas.b.name",
        "resources.schemas.a.name",
    )


def test_reference_to_itself_is_a_cycle() -> None:
    with pytest.raises(BundleError) as caught:
        resolve(variables(a="${var.a}"), "${var.a}")
    assert caught.value.parameters["cycle"] == ("var.a", "var.a")


def test_reference_into_its_own_map_is_a_cycle() -> None:
    with pytest.raises(BundleError) as caught:
        resolve(variables(a={"b": "${var.a}"}), "${var.a.b}")
    assert caught.value.code == "REFERENCE_CYCLE"


@pytest.mark.parametrize("value", [5, True, None, 1.5, "text", [1, {"k": 2}], {"k": [1]}])
def test_reference_as_whole_value_keeps_the_type(value: object) -> None:
    assert resolve(variables(a=value), "${var.a}") == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "5"),
        (True, "true"),
        (None, ""),
        (1.5, "1.5"),
        (1.0, "1"),
        (1e21, "1000000000000000000000"),
        ("t", "t"),
    ],
)
def test_reference_inside_a_text_is_pasted(value: object, shown: str) -> None:
    assert resolve(variables(a=value), "<${var.a}>${var.a}") == f"<{shown}>{shown}"


def test_reference_to_a_map_inside_a_text_is_refused() -> None:
    with pytest.raises(BundleError) as caught:
        resolve(variables(a={"k": 1}), "x${var.a}")
    assert (caught.value.code, caught.value.parameters["found"]) == ("BUNDLE_TYPE_WRONG", "map")


def test_reference_steps_into_maps_and_lists() -> None:
    data = variables(a={"b": [{"c": 1}, {"c": "${var.d}"}]}, d=7)
    assert resolve(data, "${var.a.b[1].c}") == 7


def test_reference_steps_through_another_whole_reference() -> None:
    assert resolve(variables(a="${var.b}", b={"k": {"l": 3}}), "${var.a.k.l}") == 3


def test_reference_value_stands_at_the_place_of_the_reference() -> None:
    here = Location("resources/flow.yml", 9)
    found = Resolver(tree(variables(a="x"))).resolve(Node("${var.a}", here))
    assert found.location == here


def test_reference_value_is_not_resolved_twice() -> None:
    data = variables(a="$", b="{var.c}", c="secret")
    assert resolve(data, "${var.a}${var.b}") == "${var.c}"


@pytest.mark.parametrize("text", ["$", "${}", "$x", "${env:HOME}", "{{secrets/a/b}}", "a}${b c}"])
def test_text_that_is_no_reference_stays(text: str) -> None:
    assert resolve({}, text) == text


@pytest.mark.parametrize(
    "text", ["${var.a", "${var.a_${bundle.target}}", "${var.}", "${var.a b}", "x ${bundle.name"]
)
def test_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(BundleError) as caught:
        resolve({**variables(a=1), "bundle": {"target": "dev", "name": "n"}}, text)
    assert caught.value.code == "REFERENCE_INVALID"


@pytest.mark.parametrize("text", ["${vars.a}", "${var}", "${workspce.host}", "${other.x}"])
def test_reference_with_unknown_first_word_is_refused(text: str) -> None:
    with pytest.raises(BundleError) as caught:
        resolve(variables(a=1), text)
    assert caught.value.code == "REFERENCE_UNKNOWN"


def test_undefined_variable_names_file_line_and_nearest(tmp_path: Path) -> None:
    main = "variables: {catalog: {default: lake}}\n" + PIPELINE.replace("bronze", "${var.catlog}")
    error = refusal(tmp_path, main)
    assert (error.code, error.parameters["name"]) == ("VARIABLE_UNDEFINED", "catlog")
    assert error.where == Location(str(tmp_path / "databricks.yml"), 8)
    assert "'catalog'" in error.hint


def test_unknown_resource_reference_gives_the_nearest(tmp_path: Path) -> None:
    main = PIPELINE.replace("schema: bronze", "schema: ${resources.schemas.bronce.name}")
    main += "  schemas: {bronze: {catalog_name: main, name: bronze}}\n"
    error = refusal(tmp_path, main)
    assert (error.code, error.parameters["name"]) == ("REFERENCE_UNKNOWN", "bronce")
    assert "'bronze'" in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "${resources.jobs.nightly.url}",
        "${resources.pipelines.flow.url}",
        "${workspace.workspace_id}",
        "${workspace.current_user.groups}",
    ],
)
def test_reference_that_only_a_workspace_knows_is_refused_when_used(
    tmp_path: Path, text: str
) -> None:
    main = PIPELINE.replace("bronze", text) + "  jobs: {nightly: {name: n}}\n"
    assert refusal(tmp_path, main).code == "REFERENCE_UNAVAILABLE"


@pytest.mark.parametrize("said", ["", "workspace: {host: 'https://adb-1.example.net'}\n"])
def test_reference_to_the_host_has_a_value_without_a_workspace(tmp_path: Path, said: str) -> None:
    main = said + PIPELINE + "      configuration: {host: '${workspace.host}'}\n"
    host = load(tmp_path, main).pipeline().configuration["host"]
    assert host == ("https://adb-1.example.net" if said else "https://local.invalid")


def test_reference_to_the_users_id_is_stable(tmp_path: Path) -> None:
    main = PIPELINE + "      configuration: {id: '${workspace.current_user.id}'}\n"
    ids = [
        load(tmp_path, main, user_name=user).pipeline().configuration["id"]
        for user in ("ada@example.org", "ada@example.org", "bob@example.org")
    ]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].isdecimal()


def test_references_that_repeat_too_much_are_refused(tmp_path: Path) -> None:
    texts = "".join(
        f"  v{at}: {{default: '{f'${{var.v{at - 1}}}' * 10}'}}\n" for at in range(1, 12)
    )
    main = f"variables:\n  v0: {{default: 0123456789}}\n{texts}"
    assert refusal(tmp_path, main).code == "REFERENCE_TOO_LARGE"


def test_reference_in_another_resource_kind_is_left_alone(tmp_path: Path) -> None:
    main = PIPELINE + "  jobs: {nightly: {name: '${var.nowhere}', tasks: ['${resources.x.y}']}}\n"
    assert list(load(tmp_path, main).pipelines) == ["flow"]


def test_reference_to_another_resource_kind_resolves(tmp_path: Path) -> None:
    main = PIPELINE.replace("bronze", "${resources.jobs.nightly.tags.schema}")
    main += "  jobs: {nightly: {tags: {schema: '${bundle.name}_${bundle.target}'}}}\n"
    assert load(tmp_path, main).pipelines["flow"].schema == "demo_default"


def test_reference_to_workspace_paths_gives_the_local_folder(tmp_path: Path) -> None:
    main = """
    workspace: {root_path: /Workspace/Users/x, file_path: /Workspace/files, host: https://h}
    variables:
      seen:
        type: complex
        default:
          - ${workspace.file_path}
          - ${workspace.root_path}
          - ${workspace.artifact_path}
          - ${workspace.host}
          - ${workspace.current_user.userName}
          - ${workspace.current_user.short_name}
          - ${workspace.current_user.domain_friendly_name}
          - ${bundle.environment}
    """
    assert load(tmp_path, main, user_name="A.B@c.d").variables["seen"] == [
        tmp_path.as_posix(),
        "/Workspace/Users/x",
        "/Workspace/Users/x/artifacts",
        "https://h",
        "A.B@c.d",
        "a_b",
        "a-b",
        "default",
    ]


@given(
    st.lists(
        st.tuples(st.text("abc /-", max_size=4), st.sets(st.integers(0, 11), max_size=3)),
        min_size=1,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_any_acyclic_graph_of_references_resolves(
    parts: list[tuple[str, set[int]]], random: Random
) -> None:
    """Variable n may use those before it; definitions stand in any order."""
    texts: list[str] = []
    expected: list[str] = []
    for at, (text, used) in enumerate(parts):
        before = sorted(index for index in used if index < at)
        texts.append(text + "".join(f"${{var.v{index}}}" for index in before))
        expected.append(text + "".join(expected[index] for index in before))
    named = [(f"v{index}", text) for index, text in enumerate(texts)]
    random.shuffle(named)
    found = Resolver(tree(variables(**dict(named))))
    shown = [found.resolve(tree(f"${{var.v{index}}}")).plain() for index in range(len(parts))]
    assert shown == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("$${x}", "${x}"),
        ("$${var.name}", "${var.name}"),
        ("a $${bundle.target} ${var.name}", "a ${bundle.target} b"),
        ("$${var.name.}", "${var.name.}"),
    ],
)
def test_escaped_reference_is_a_text(text: str, shown: str) -> None:
    assert resolve(variables(name="b"), text) == shown
