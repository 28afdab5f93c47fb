"""`headwater ops health`: print how pipelines are, or answer a probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from headwater.cli.endings import stopping_on_signals
from headwater.cli.render import print_json, print_rows
from headwater.operations.health import PipelineHealth, target_health
from headwater.operations.probe import LOOPBACK, PATH, probe_server
from headwater.state.target import Target


@dataclass(frozen=True)
class Question:
    """Whose health is asked for, and by which limits."""

    target: Target
    pipeline: str | None
    limits: Path | None
    max_age_hours: float | None

    def answer(self) -> list[PipelineHealth]:
        """Judge the pipelines as they are now."""
        return target_health(
            self.target, self.pipeline, file=self.limits, max_age_hours=self.max_age_hours
        )


def print_health(question: Question, *, as_json: bool) -> int:
    """Print how pipelines are; return the exit status."""
    found = question.answer()
    if as_json:
        print_json(_as_dict(question, found))
    else:
        for each in found:
            _print(each)
        unwell = [each.pipeline for each in found if not each.is_healthy]
        told = f"not healthy: {', '.join(unwell)}" if unwell else "healthy"
        click.echo(f"Target '{question.target.bundle.target}': {told}.")
    return 0 if all(each.is_healthy for each in found) else 1


def serve_health(question: Question, port: int, *, as_json: bool) -> None:
    """Answer GET /health until SIGTERM or Ctrl-C.

    Raises:
        UsageError: what is wrong now would be wrong at each probe.
    """
    question.answer()

    def ask() -> tuple[bool, Mapping[str, Any]]:
        found = question.answer()
        return all(each.is_healthy for each in found), _as_dict(question, found)

    with stopping_on_signals() as stopping, probe_server(port, ask) as bound:
        url = f"http://{LOOPBACK}:{bound}{PATH}"
        if as_json:
            print_json({"url": url})
        else:
            click.echo(f"Answering {url} until stopped.")
        stopping.wait()
    click.echo("Stopped.", err=True)


def _as_dict(question: Question, found: Sequence[PipelineHealth]) -> dict[str, Any]:
    return {
        "target": question.target.bundle.target,
        "healthy": all(each.is_healthy for each in found),
        "pipelines": [each.as_dict() for each in found],
    }


def _print(found: PipelineHealth) -> None:
    last = found.last_success.strftime("%Y-%m-%d %H:%M UTC") if found.last_success else "never"
    age = "" if found.age_hours is None else f", age {found.age_hours:.1f} hours"
    click.echo(f"{found.pipeline}: last success {last}{age}")
    print_rows([each.as_dict() for each in found.verdicts])
