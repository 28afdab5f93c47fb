"""User code of a task: Spark and Python find the volumes of the target, as in a workspace.

What a read, a file function or the output is asked for is answered by the same table as in
pipelines.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from headwater.jobs.bundles import store_of
from headwater.jobs.context import TaskContext
from headwater.jobs.sessions import check_written_table
from headwater.sandbox.interception import intercepted
from headwater.sandbox.outside import Outside
from headwater.sandbox.patches import patched_pyspark

_WHEN = "in a task of a job"


@contextmanager
def as_user_code(context: TaskContext) -> Iterator[None]:
    """Answer the code of a notebook, script or wheel in this thread."""
    store = functools.cache(functools.partial(store_of, context.run))
    check_table = functools.partial(check_written_table, context.session)
    outside = Outside(
        context.session, store, _WHEN, check=context.check, check_new_table=check_table
    )
    with patched_pyspark(), intercepted(outside):
        yield
