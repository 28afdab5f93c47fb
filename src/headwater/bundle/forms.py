"""YAML files that are kept beside a bundle, each `version: 1` and of a closed set of keys.

Limits of the gate, maintenance and costs are such files. What does not live here: what their
values mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle.shapes import Shape, check
from headwater.bundle.source import read_yaml
from headwater.errors import BundleError, UsageError
from headwater.yaml_nodes import Node

VERSION = 1


@dataclass(frozen=True)
class Form:
    """One kind of file.

    Args:
        code: what its errors begin with: CODE_NOT_FOUND, CODE_INVALID.
        name: what it is a file of, in words.
        shape: of the whole file, `version` among its keys.
        hint: what to do where there is none.
    """

    code: str
    name: str
    shape: Shape
    hint: str

    def read(self, file: Path) -> Node:
        """Read a file; reads only.

        Raises:
            UsageError: CODE_NOT_FOUND, CODE_INVALID; with file and line.
        """
        if not file.is_file():
            raise UsageError(
                f"{self.code}_NOT_FOUND", f"There is no file of {self.name}: {file}", hint=self.hint
            )
        try:
            tree = read_yaml(file, may_be_empty=True)
            unknown = check(tree, self.shape, is_resolved=True)
        except BundleError as error:
            raise self._invalid(error) from None
        if unknown:
            raise self._invalid(unknown[0])
        version = tree.get("version")
        if version is None or version.value != VERSION:
            place = version or tree
            raise self.refused(place, f"It has no 'version: {VERSION}'", "Add it at the top.")
        return tree

    def refused(self, node: Node, message: str, hint: str) -> UsageError:
        """Return the error for a value that can't be, with its line."""
        return UsageError(f"{self.code}_INVALID", message, where=node.location, hint=hint)

    def text(self, node: Node, key: str, default: str | None = None) -> str:
        """Return the text of a key; required where there is no default."""
        found = node.get(key)
        if found is not None and found.text:
            return found.text
        if default is None:
            raise self.refused(node, f"An entry has no '{key}'", f"Add '{key}: NAME'.")
        return default

    def number(self, node: Node, key: str, most: float | None = None) -> float | None:
        """Return the number of a key, from 0 on; None where it is left out."""
        found = node.entries.get(key)
        return None if found is None else self.number_of(found, key, most)

    def number_of(self, found: Node, key: str, most: float | None = None) -> float:
        """Return a number from 0 on."""
        value = found.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= float(value) < math.inf:  # type: ignore[arg-type]
            raise self.refused(found, f"'{key}' is not a number from 0 on", "Write a number.")
        number = float(value)  # type: ignore[arg-type]  # a number, as was seen
        if most is not None and number > most:
            raise self.refused(found, f"'{key}' is more than {most}", "Write a share such as 0.05.")
        return number

    def _invalid(self, error: BundleError) -> UsageError:
        return UsageError(f"{self.code}_INVALID", error.message, where=error.where, hint=error.hint)
