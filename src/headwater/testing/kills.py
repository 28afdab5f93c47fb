"""Let an update die at a named moment, as a kill of its process would."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.events.rows import Event
from headwater.names import TableName
from headwater.state.pipeline import PipelineState

_DONE = ("COMPLETED", "IDLE")


class Killed(BaseException):
    """Ends an update at once; not an Exception, so that nothing handles it."""


@dataclass
class Kill:
    """Ends the update once a table is written, before anything that reads it starts.

    Attributes:
        is_done: it has struck; all other threads of the update die at their next event.
    """

    table: TableName
    is_done: bool = False

    def listen(self, event: Event) -> None:
        """Take an event of the update.

        Raises:
            Killed: this is the moment, or it was.
        """
        self.is_done = self.is_done or self._is_moment(event)
        if self.is_done:
            raise Killed

    def _is_moment(self, event: Event) -> bool:
        return (
            event.event_type == "flow_progress"
            and event.level != "METRICS"
            and event.details["status"] in _DONE
            and event.origin.get("dataset_name") == str(self.table)
        )


def forget_commit(state: PipelineState, table: TableName, flow: str) -> None:
    """Leave a flow as a kill between its last write and the note of it would.

    Its rows are in the table; its checkpoint holds the batch as planned, and not as done.
    """
    generation = state.generation(table)
    state.standing(table, flow, generation).unlink(missing_ok=True)
    commits = state.checkpoint(table, flow, generation) / "commits"
    numbers = [each for each in commits.glob("*") if each.name.isdigit()]
    for last in sorted(numbers, key=lambda each: int(each.name))[-1:]:
        last.unlink()
        last.with_name(f".{last.name}.crc").unlink(missing_ok=True)
