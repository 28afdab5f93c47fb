from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unit.test_bundle_support import PIPELINE, load, refusal

MAIN = """
variables:
  color: {default: from default}
targets:
  dev:
    variables: {color: from target}
  bare: {}
"""


def overrides(folder: Path, content: object, target: str = "dev") -> None:
    path = folder / ".databricks" / "bundle" / target / "variable-overrides.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    ("target", "has_file", "environment", "given", "value"),
    [
        ("dev", True, {"BUNDLE_VAR_color": "from env"}, {"color": "from cli"}, "from cli"),
        ("dev", True, {"BUNDLE_VAR_color": "from env"}, {}, "from env"),
        ("dev", True, {}, {}, "from file"),
        ("dev", False, {}, {}, "from target"),
        ("bare", True, {}, {}, "from default"),
    ],
)
def test_variable_takes_the_first_source_that_is_there(
    tmp_path: Path, target: str, has_file: bool, environment: Any, given: Any, value: str
) -> None:
    if has_file:
        overrides(tmp_path, {"color": "from file"})
    bundle = load(tmp_path, MAIN, target=target, environment=environment, variables=given)
    assert bundle.variables == {"color": value}


def test_variable_from_target_in_full_form(tmp_path: Path) -> None:
    main = MAIN.replace("{color: from target}", "{color: {default: full}}")
    assert load(tmp_path, main, target="dev").variables["color"] == "full"


def test_variable_without_a_value_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, "variables: {color: {description: which}}\n")
    assert (error.code, error.parameters) == ("VARIABLE_UNSET", {"name": "color"})


@pytest.mark.parametrize("default", ["''", "false", "0"])
def test_variable_may_be_empty_false_or_zero(tmp_path: Path, default: str) -> None:
    assert "v" in load(tmp_path, f"variables: {{v: {{default: {default}}}}}\n").variables


def test_variable_given_but_not_defined_gives_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, MAIN, target="dev", variables={"colour": "red"})
    assert (error.code, error.parameters["name"]) == ("VARIABLE_UNDEFINED", "colour")
    assert "'color'" in error.hint


def test_variable_of_a_target_but_not_defined_is_refused(tmp_path: Path) -> None:
    main = MAIN.replace("variables: {color: from target}", "variables: {shade: x}")
    error = refusal(tmp_path, main, target="dev")
    assert (error.code, error.parameters["name"]) == ("VARIABLE_UNDEFINED", "shade")


def test_variable_of_the_overrides_file_but_not_defined_is_refused(tmp_path: Path) -> None:
    overrides(tmp_path, {"shade": 1})
    assert refusal(tmp_path, MAIN, target="dev").code == "VARIABLE_UNDEFINED"


def test_variable_of_the_environment_but_not_defined_is_passed_over(tmp_path: Path) -> None:
    bundle = load(tmp_path, MAIN, target="bare", environment={"BUNDLE_VAR_other": "x"})
    assert list(bundle.variables) == ["color"]


@pytest.mark.parametrize(
    ("content", "line"), [('{"color":\n "x"', 2), ("[1]", 0), ('{"color": "\\ud83d"}', 0)]
)
def test_variable_overrides_that_are_no_json_object(
    tmp_path: Path, content: str, line: int
) -> None:
    overrides(tmp_path, content)
    error = refusal(tmp_path, MAIN, target="dev")
    assert (error.code, error.parameters["line"]) == ("OVERRIDES_INVALID", line)


LOOKUP = "variables: {house: {lookup: {warehouse: Shared}}}\n"


def test_lookup_is_refused_by_name_when_a_pipeline_uses_it(tmp_path: Path) -> None:
    error = refusal(tmp_path, LOOKUP + PIPELINE.replace("bronze", "${var.house}"))
    assert (error.code, error.parameters["name"]) == ("LOOKUP_UNAVAILABLE", "house")


def test_lookup_that_nothing_local_uses_is_left_out(tmp_path: Path) -> None:
    main = LOOKUP.replace("}}}", "}}, note: {default: 'on ${var.house}'}}") + PIPELINE
    main += "      notifications: ['${var.house}']\n"
    assert load(tmp_path, main).variables == {}


def test_lookup_with_a_given_value_needs_no_workspace(tmp_path: Path) -> None:
    main = LOOKUP + PIPELINE.replace("bronze", "${var.house}")
    assert load(tmp_path, main, variables={"house": "h"}).pipeline().schema == "h"


def test_target_default_replaces_a_lookup(tmp_path: Path) -> None:
    main = LOOKUP + "targets: {dev: {variables: {house: abc}}}\n"
    assert load(tmp_path, main).variables == {"house": "abc"}


COMPLEX = """
variables:
  conf:
    type: complex
    default: {rate: 5, on: true, nested: {schema: bronze}}
resources:
  pipelines:
    flow:
      schema: ${var.conf.nested.schema}
      libraries: [{file: {path: flow.py}}]
      configuration: {rate: "${var.conf.rate}", on: "${var.conf.on}"}
targets:
  dev:
    variables:
      conf: {rate: 7, on: false, nested: {schema: silver}}
  bare:
"""


def test_complex_variable_gives_its_fields(tmp_path: Path) -> None:
    spec = load(tmp_path, COMPLEX, target="bare").pipeline()
    assert (spec.schema, spec.configuration) == ("bronze", {"rate": "5", "on": "true"})


def test_complex_variable_of_a_target_replaces_and_never_merges(tmp_path: Path) -> None:
    main = COMPLEX.replace("{rate: 7, on: false, nested: {schema: silver}}", "{rate: 7}")
    error = refusal(tmp_path, main, target="dev")
    assert (error.code, error.parameters["name"]) == ("REFERENCE_UNKNOWN", "nested")


def test_complex_variable_as_whole_configuration(tmp_path: Path) -> None:
    main = "variables: {c: {type: complex, default: {a: 1, b: x}}}\n" + PIPELINE
    main += "      configuration: ${var.c}\n"
    assert load(tmp_path, main).pipeline().configuration == {"a": "1", "b": "x"}


def test_complex_variable_from_the_command_line_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, COMPLEX, target="bare", variables={"conf": "{}"})
    assert (error.code, error.parameters) == ("VARIABLE_COMPLEX", {"name": "conf"})


def test_default_may_be_a_list_without_being_called_complex(tmp_path: Path) -> None:
    main = "variables: {c: {description: C.}}\ntargets: {dev: {variables: {c: [a]}}}\n"
    assert load(tmp_path, main).variables == {"c": ["a"]}


def test_map_of_the_overrides_file_for_a_variable_that_is_not_complex_is_refused(
    tmp_path: Path,
) -> None:
    overrides(tmp_path, {"c": {"a": 1}})
    error = refusal(tmp_path, "variables: {c: {default: x}}\ntargets: {dev: {}}\n")
    assert error.code == "VARIABLE_COMPLEX"


def test_variable_of_the_wrong_type_is_refused_where_it_is_used(tmp_path: Path) -> None:
    main = "variables: {c: {default: often}}\n" + PIPELINE + "      continuous: ${var.c}\n"
    error = refusal(tmp_path, main)
    assert (error.code, error.parameters["expected"]) == ("BUNDLE_TYPE_WRONG", "flag")
    assert error.parameters["key"] == "resources.pipelines.flow.continuous"


def test_variable_from_text_may_be_a_flag(tmp_path: Path) -> None:
    main = "variables: {c: {default: false}}\n" + PIPELINE + "      continuous: ${var.c}\n"
    assert load(tmp_path, main, variables={"c": "true"}).pipeline().continuous


def test_variable_of_a_target_without_a_value_keeps_its_default(tmp_path: Path) -> None:
    main = "variables: {a: {default: 1}}\ntargets:\n  dev:\n    variables:\n      a:\n"
    assert load(tmp_path, main).variables == {"a": 1}
