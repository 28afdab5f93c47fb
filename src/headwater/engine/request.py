"""What an update is asked to do, as a value that needs neither Spark nor a graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headwater.bundle.spec import PipelineSpec
from headwater.errors import HeadwaterError, SchemaChange


@dataclass(frozen=True)
class UpdateRequest:
    """What to do in an update.

    Attributes:
        validate_only: resolve and check everything, write nothing.
        full_refresh: tables to recompute from all their sources; `("*",)` for all.
        refresh: tables to refresh, the others are EXCLUDED; empty for all.
        run_as: who asked, for the event log.
        strict: warnings of lint are errors.
        refresh_failed: refresh the tables that failed in the last update, too, and no others.
        reset_checkpoints: flows that read all of their sources again; their tables keep their rows.
        replace_where: flows with a predicate that takes the place of theirs in this update.
        continuous: go on with whatever is new until the update is stopped.
        schema_changes: those of tables that began the update anew: flow, version and columns.
    """

    validate_only: bool = False
    full_refresh: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    run_as: str = "local"
    strict: bool = False
    refresh_failed: bool = False
    reset_checkpoints: tuple[str, ...] = ()
    replace_where: tuple[tuple[str, str], ...] = ()
    continuous: bool = False
    schema_changes: frozenset[str] = frozenset()

    @property
    def full_refresh_all(self) -> bool:
        """Whether all tables are to be recomputed."""
        return self.full_refresh == ("*",)

    def config(self, spec: PipelineSpec) -> dict[str, Any]:
        """Return what the event log tells of the update's settings."""
        return {
            "catalog": spec.catalog,
            "schema": spec.schema,
            "development": spec.development,
            "continuous": self.continuous,
            "full_refresh": self.full_refresh_all,
            "full_refresh_selection": list(() if self.full_refresh_all else self.full_refresh),
            "refresh_selection": list(self.refresh),
            "replace_where_overrides": [{"flow_name": flow} for flow, _ in self.replace_where],
        }

    def after_restart(self, error: HeadwaterError | None) -> UpdateRequest:
        """Return what asks for the same tables again; the full refreshes have already begun.

        Args:
            error: what the update ended with.
        """
        change = error.parameters.get("change") if isinstance(error, SchemaChange) else None
        named = () if self.full_refresh_all else self.full_refresh
        return replace(
            self,
            full_refresh=(),
            refresh=(*self.refresh, *named),
            reset_checkpoints=(),
            schema_changes=self.schema_changes | ({str(change)} if change else set()),
        )
