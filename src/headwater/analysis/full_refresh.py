"""The error for a change of a dataset that its table takes only with a full refresh."""

from __future__ import annotations

from headwater.errors import DefinitionError
from headwater.graph.model import Dataset

KEEP_TYPES = (
    "keep the column's type; where it only grows, set table_properties "
    "{'delta.enableTypeWidening': 'true'}"
)
"""What to do instead where types change."""


def needs_full_refresh(
    dataset: Dataset, code: str, message: str, instead: str = ""
) -> DefinitionError:
    """Make the error, at the dataset's line.

    Args:
        instead: what else can be done, as the end of a sentence.
    """
    return DefinitionError(
        code,
        message,
        where=dataset.location,
        hint=f"Run once with --full-refresh {dataset.name}"
        + (f", or {instead}." if instead else "."),
        dataset=str(dataset.name),
    )
