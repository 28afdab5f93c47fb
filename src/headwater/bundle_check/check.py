"""Check a bundle: every rule on what every target sees, each finding once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from headwater.bundle.files import find_bundle_file, read_bundle
from headwater.bundle.load import TargetTree, bounded, see_target
from headwater.bundle.references import Resolver
from headwater.bundle.resolved import resolve_known, with_values
from headwater.bundle.secrets import masked
from headwater.bundle.shapes import Shape, faults
from headwater.bundle.targets import choose_target
from headwater.bundle_check import access_rules, file_rules, task_rules, value_rules, wheel_rules
from headwater.bundle_check.field_rules import known_fields, severity_of
from headwater.bundle_check.seen import Seen
from headwater.errors import BundleError, Location
from headwater.finding import Finding
from headwater.yaml_nodes import Node

Rule: TypeAlias = Callable[[Seen], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    known_fields,
    task_rules.duplicate_keys,
    task_rules.dependencies,
    task_rules.compute,
    task_rules.kinds,
    task_rules.numbers,
    task_rules.loops,
    task_rules.outcomes,
    file_rules.includes,
    file_rules.task_files,
    file_rules.resource_files,
    file_rules.pipeline_sources,
    file_rules.wheels,
    file_rules.sync_paths,
    wheel_rules.entry_points,
    value_rules.schedules,
    value_rules.secrets,
    value_rules.volume_paths,
    access_rules.identity,
    access_rules.run_identities,
    access_rules.run_as_of_owners,
    access_rules.levels,
    access_rules.overlaps,
    value_rules.lookups,
    value_rules.names,
    value_rules.development,
)
_OF_THE_CALL = frozenset({"TARGET_MISSING", "TARGET_UNKNOWN"})


@dataclass(frozen=True)
class Check:
    """What a check found.

    Args:
        targets: that were checked.
        findings: each once, in the order of files and lines, with the targets that have it.
    """

    targets: tuple[str, ...]
    findings: tuple[tuple[Finding, tuple[str, ...]], ...]

    def count(self, severity: str) -> int:
        """Count the findings of a severity."""
        return sum(finding.severity == severity for finding, _ in self.findings)


def check_bundle(
    directory: Path,
    *,
    target: str | None = None,
    all_targets: bool = False,
    variables: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    user_name: str = "local",
) -> Check:
    """Check a bundle as its targets see it; reads files only, and asks no workspace.

    A bundle that can't be read is one finding; the other targets are checked all the same.

    Args:
        target: name of the target; without it the default, or the only one.
        all_targets: check every target, `target` left aside.
        variables: values of `--var`, by name.
        environment: where `BUNDLE_VAR_<name>` is looked up.
        user_name: who runs; development mode puts its short form into names.

    Raises:
        BundleError: BUNDLE_NOT_FOUND, BUNDLE_AMBIGUOUS, TARGET_UNKNOWN, TARGET_MISSING, and
            VARIABLE_UNDEFINED for one of `variables`: faults of the call, not of the bundle.

    Example:
        >>> check_bundle(Path("."), all_targets=True).count("error")
        0
    """
    file = find_bundle_file(directory)
    see = partial(
        see_target,
        variables=variables or {},
        environment=environment or {},
        user_name=user_name,
    )
    found = _Found()
    names: tuple[str, ...] = ()
    with found.faults(file):
        files, wrong = read_bundle(file, _all_faults)
        names = _names(files, target, all_targets)
    for name in names:
        for fault in wrong:
            found.add(Finding.of(fault, severity_of(fault)), name)
        with found.faults(file, name):
            for finding in _findings(files, see(files, file.parent, name)):
                found.add(finding, name)
    return Check(names, found.in_order())


def _all_faults(tree: Node, shape: Shape) -> list[BundleError]:
    return list(faults(tree, shape))


def _names(files: Node, target: str | None, all_targets: bool) -> tuple[str, ...]:
    """Name the targets to check.

    Raises:
        BundleError: of a target that is not there, or TARGET_AMBIGUOUS.
    """
    if not all_targets:
        return (choose_target(files, target),)
    names = tuple(files.below("targets"))
    try:
        choose_target(files, None)
    except BundleError as error:
        if error.code != "TARGET_MISSING":  # none need be the default where all are meant
            raise
    return names or ("default",)


def _findings(files: Node, steps: TargetTree) -> Iterator[Finding]:
    """Yield what the rules find in what a target sees, and what is wrong with its references."""
    resolver = Resolver(masked(steps.complete))
    wrong: list[BundleError] = []
    declared = resolve_known(with_values(masked(steps.declared)), resolver, wrong.append)
    is_complete = not (files.get("python") or files.get("experimental", "python"))
    for error in wrong:
        reference = str(error.parameters.get("reference"))
        if is_complete or not reference.startswith("resources."):  # Python may define it
            yield Finding.of(error, severity_of(error))
    seen = Seen(files, steps, declared, resolver)
    for rule in RULES:
        yield from rule(seen)


class _Found:
    """Gathers findings, each once, with the targets that have it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, Location], tuple[Finding, list[str]]] = {}

    def add(self, finding: Finding, target: str = "") -> None:
        """Take a finding of a target, or of all."""
        key = finding.code, finding.message, finding.location
        _, targets = self._found.setdefault(key, (finding, []))
        if target and target not in targets:
            targets.append(target)

    @contextmanager
    def faults(self, file: Path, target: str = "") -> Iterator[None]:
        """Take what keeps a bundle from being read; faults of the call go on."""
        try:
            with bounded(file):
                yield
        except BundleError as error:
            if error.code in _OF_THE_CALL or error.where == "--var":
                raise
            self.add(Finding.of(error), target)

    def in_order(self) -> tuple[tuple[Finding, tuple[str, ...]], ...]:
        """Return the findings by file and line."""
        pairs = [(finding, tuple(targets)) for finding, targets in self._found.values()]
        return tuple(sorted(pairs, key=lambda pair: (pair[0].location.file, pair[0].location.line)))
