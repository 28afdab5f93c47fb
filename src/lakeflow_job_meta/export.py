"""Sources as the text of a YAML file, from which loading makes the same sources again."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from headwater.tagged_jobs.tags import canonical_json
from lakeflow_job_meta.constants import SOURCE_COLUMNS
from lakeflow_job_meta.sources import Source

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LINES = re.compile(r"[!-~]([ -~]*[!-~])?(\n|\n *[!-~]([ -~]*[!-~])?)*\n?")
_CONSTANTS = ("true", "false", "null")
_WIDTH = 2**20


class _Representer(RoundTripRepresenter):
    """Writes equal values in full each time, instead of as aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def sources_as_yaml(sources: Iterable[Source]) -> str:
    """Write sources as `modules:`, in the order given; texts in quotes, several lines as a block.

    Inactive sources have `is_active: false`. A module whose sources carry different settings is
    written once for each of them.
    """
    modules: dict[tuple[str, str], dict[str, Any]] = {}
    for source in sources:
        key = (source.module_name, canonical_json(source.module_config))
        module = modules.setdefault(
            key, {"module_name": source.module_name, **source.module_config, "sources": []}
        )
        module["sources"].append(_fields(source))
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_styled({"modules": list(modules.values())}), out)
    return out.getvalue()


def _fields(source: Source) -> dict[str, Any]:
    fields = {name: getattr(source, name) for name in SOURCE_COLUMNS if name != "module_name"}
    if source.execution_order is None:
        del fields["execution_order"]
    if source.is_active:
        del fields["is_active"]
    return fields


def _styled(value: Any) -> Any:
    """Choose how each text is written, so that none is read as something else."""
    if isinstance(value, Mapping):
        return {_key(key): _styled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_styled(item) for item in value]
    if not isinstance(value, str):
        return value
    if "\n" in value and _LINES.fullmatch(value):
        return LiteralScalarString(value)
    return DoubleQuotedScalarString(value)


def _key(key: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _CONSTANTS
    return key if is_plain else DoubleQuotedScalarString(key)
