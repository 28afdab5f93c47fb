"""How dbt connects locally: through a profile of the user's, or one made for the command.

A local connection is an output of type `spark` and method `session`: dbt then runs its SQL in the
Spark session of this process. Source: dbt, "Spark setup", read November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle.source import read_yaml
from headwater.dbt.projects import Project
from headwater.errors import HeadwaterError
from headwater.files import write_atomic
from headwater.settings import chosen_profiles
from headwater.yaml_nodes import Node

_FILE = "profiles.yml"
_MADE = "headwater"
"""The output of a profile that is made here."""


@dataclass(frozen=True)
class Connection:
    """A profile's output: the folder of `profiles.yml`, and the output's name."""

    folder: Path
    output: str


CHOOSING = ("--profiles-dir", "--profile", "--target", "-t")
"""Options of dbt by which the user chooses a connection."""


def connection_of(
    project: Project, arguments: Sequence[str], schema: str, scratch: Path
) -> Mapping[str, str]:
    """Return the variables by which dbt finds its connection.

    Where the user chooses one, by an option or by `DBT_PROFILES_DIR`, dbt finds it as ever.

    Args:
        arguments: the words of the command.
        schema: of models that name none, in a profile that is made.
        scratch: the folder that a made one is written to.
    """
    chosen = chosen_profiles()
    if chosen or any(each.partition("=")[0] in CHOOSING for each in arguments):
        has_own = not chosen and (project.folder / _FILE).is_file()
        return {"DBT_PROFILES_DIR": str(project.folder)} if has_own else {}
    places = (project.folder, Path.cwd(), Path.home() / ".dbt")
    found = local_connection(project, places, schema, scratch)
    return {
        "DBT_PROFILE": project.profile,
        "DBT_PROFILES_DIR": str(found.folder),
        "DBT_TARGET": found.output,
    }


def local_connection(
    project: Project, places: Iterable[Path], schema: str, scratch: Path
) -> Connection:
    """Choose the connection of a project, or write a profile with one.

    Args:
        places: folders that may hold the user's `profiles.yml`; the first with a local output of
            the project's profile is taken.
        schema: of models that name none, in a profile that is made.
        scratch: the folder that it is written to.
    """
    for folder in places:
        output = _local_output(folder / _FILE, project.profile)
        if output:
            return Connection(folder, output)
    # dbt-spark asks for a host, and uses none for a session
    made = {"type": "spark", "method": "session", "host": "none", "schema": schema, "threads": 1}
    profile = {project.profile: {"target": _MADE, "outputs": {_MADE: made}}}
    write_atomic(scratch / _FILE, json.dumps(profile))  # JSON is YAML
    return Connection(scratch, _MADE)


def _local_output(file: Path, profile: str) -> str:
    """Name an output of a profile that runs in a session; "" where there is none.

    It is the one that the profile's `target:` names, or else the first.
    """
    if not file.is_file():
        return ""
    try:
        tree = read_yaml(file, may_be_empty=True)
    except HeadwaterError:  # dbt reads what we do not, such as tags
        return ""
    local = [name for name, each in tree.below(profile, "outputs").items() if _is_local(each)]
    default = tree.get(profile, "target")
    if default is not None and default.text in local:
        return default.text
    return next(iter(local), "")


def _is_local(output: Node) -> bool:
    kind, method = output.get("type"), output.get("method")
    return bool(kind and method and (kind.text, method.text) == ("spark", "session"))
