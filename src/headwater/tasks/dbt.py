"""Run a dbt command in a notebook: on a warehouse in a workspace, in the session elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.dbt.bridge import Bridge
from headwater.dbt.library import invoke
from headwater.errors import JobError


def run_dbt_command(
    spark: Any, arguments: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Run a command and count how its nodes ended.

    The profile of the project decides where its SQL goes; an output of method `session` is the
    session `spark`.

    Args:
        spark: the session of the notebook.
        arguments: the words of the command, without `dbt`.
        environment: variables for `env_var(...)`, over those of the process.

    Raises:
        JobError: DBT_FAILED, with the first nodes that failed.
    """
    done = invoke(arguments, Bridge(lambda: spark, lambda: None), environment)
    counts: dict[str, int] = {}
    for each in done.results:
        counts[str(each.status)] = counts.get(str(each.status), 0) + 1
    if not done.succeeded:
        failed = [each.node.name for each in done.results if str(each.status) in ("error", "fail")]
        raise JobError(
            "DBT_FAILED",
            f"dbt {arguments[0]} failed: {', '.join(failed[:3]) or done.error}",
            hint="The output above tells more.",
        )
    return {"command": arguments[0], **counts}
