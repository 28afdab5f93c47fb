"""Check the words of a command line against the commands that there are, without running it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from headwater.cli.main import cli


def unknown_words(words: Sequence[str]) -> set[str]:
    """Return the subcommands and options of a `headwater` command that do not exist.

    Example:
        >>> unknown_words(["headwater", "run", "flow", "--ful-refresh"])
        {'--ful-refresh'}
    """
    left = list(words[1:])
    command: click.Command = cli
    while isinstance(command, click.Group):
        name = left.pop(0)
        if name not in command.commands:
            return {name}
        command = command.commands[name]
    known = {option for each in command.params for option in each.opts}
    return {word.partition("=")[0] for word in left if word.startswith("-")} - known
