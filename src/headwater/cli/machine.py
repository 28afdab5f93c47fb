"""`headwater doctor` and `headwater setup`."""

from __future__ import annotations

import click

from headwater.cli.render import print_json
from headwater.machine.doctor import examine, java_home
from headwater.machine.jars import Jar, ensure_jars, jar_paths
from headwater.machine.java import find_java
from headwater.settings import Settings


def show_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print what was found; return 1 when something must be fixed."""
    findings = examine(settings)
    if as_json:
        home = java_home(settings)
        print_json(
            {
                "java_home": None if home is None else str(home),
                "jars": [str(path) for path in jar_paths(settings)],
                "checks": [
                    {
                        "name": each.name,
                        "value": each.value,
                        "ok": each.is_fine,
                        "hint": each.hint,
                    }
                    for each in findings
                ],
            }
        )
    else:
        for each in findings:
            click.echo(f"{'ok  ' if each.is_fine else 'BAD '} {each.name}: {each.value}")
            if each.hint:
                click.echo(f"     fix: {each.hint}")
    return 0 if all(each.is_fine for each in findings) else 1


def prepare_machine(settings: Settings) -> None:
    """Fetch what is missing, with a line for each step; safe to run twice."""
    from headwater.engine.rehearsal import prepare_java  # here: `doctor` works without PySpark

    java = find_java(settings)
    click.echo(f"java {java.version} from {java.source}: {java.home}")

    def tell(jar: Jar) -> None:
        click.echo(f"fetching {jar.file_name}")

    jars = ensure_jars(settings, tell)
    click.echo(f"{len(jars)} jars in {jars[0].parent}")
    made = prepare_java(settings, lambda: click.echo("preparing Java for fast starts (a minute)"))
    click.echo(f"class-data archive: {made or 'not possible with this Java; starts are slower'}")
