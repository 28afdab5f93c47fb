"""Groups of commands, whose unknown commands are answered with the nearest known one."""

from __future__ import annotations

from typing import Any

import click

from headwater.errors import UsageError, nearest


class Commands(click.Group):
    """A group that helps with a mistyped command."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command.

        Raises:
            UsageError: COMMAND_UNKNOWN.
        """
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(
                "COMMAND_UNKNOWN",
                f"{ctx.command_path} has no command '{args[0]}'",
                hint=nearest(args[0], self.commands) or f"It has: {', '.join(self.commands)}.",
            )
        return super().resolve_command(ctx, args)
