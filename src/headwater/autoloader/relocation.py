"""Recognize files that sources have read after the project has been moved.

Auto Loader and Spark know files by their absolute paths: the manifest, the files left out, and
Spark's own log of a file stream. When the folders above them move, all of these are rewritten, so
that a file that was read is not read again. Two passes: copies beside the files, then the copies
in place of the files. A kill in the first leaves all as it was, one in the second is gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from headwater.autoloader.spark_paths import link_to
from headwater.autoloader.storage import STAGED, is_remote, path_of
from headwater.files import write_atomic

_COPY = ".relocated"
_AS_HADOOP = "/_-!.~'()*,;:$&+=@"
"""Characters that Hadoop does not escape in an address, besides letters and digits."""


def follow_move(root: Path, places: Mapping[str, Path]) -> None:
    """Notice that a pipeline's folders have moved since its last update, and follow them.

    Durable, and safe to repeat after a kill at any moment. Nothing else may use the pipeline.

    Args:
        root: the pipeline's state folder, where it is now.
        places: folders that files are in, by a name that stays; of several that hold a path the
            deepest counts.
    """
    note, ready = root / "place.json", root / "relocation.json"
    now = {name: str(path) for name, path in places.items()}
    if ready.exists():  # an earlier move that was not ended, perhaps to yet another place
        _end(root, note, ready)
    before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else now
    if before != now:
        _begin(root, {before[name]: now[name] for name in now if name in before})
        write_atomic(ready, json.dumps(now))
        _end(root, note, ready)
    elif not note.exists():
        write_atomic(note, json.dumps(now))


def _begin(root: Path, moves: Mapping[str, str]) -> None:
    """Write the changed logs beside the present ones, of which nothing changes."""
    for copy in root.rglob(f"*{_COPY}"):
        copy.unlink()
    move = _mover(moves)
    for file in _logs(root):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        text = "".join(_rewritten(line, move) for line in lines)
        write_atomic(file.with_name(file.name + _COPY), text)
    _move_staged(root, move)


def _end(root: Path, note: Path, ready: Path) -> None:
    """Put the changed logs in the place of the others."""
    for copy in sorted(root.rglob(f"*{_COPY}")):
        file = copy.with_name(copy.name.removesuffix(_COPY))
        # Hadoop checks a file against its sum when there is one
        file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
        copy.replace(file)
    write_atomic(note, ready.read_text(encoding="utf-8"))
    ready.unlink()


def _logs(root: Path) -> Iterator[Path]:
    """List the files that hold paths: those of Auto Loader and of Spark's file streams."""
    found = [
        *root.glob("autoloader/**/_spark_metadata/*"),
        *root.glob("autoloader/**/skipped.jsonl"),
        *root.glob("autoloader/**/archive.jsonl"),
        *root.glob("checkpoints/*/*/*/sources/*/*"),
    ]
    for file in found:
        hidden = file.name.startswith(".") or file.name.endswith(_COPY)
        if file.is_file() and not hidden:
            yield file


def _mover(moves: Mapping[str, str]) -> Callable[[str], str]:
    pairs = sorted(moves.items(), key=lambda pair: -len(pair[0]))

    def move(path: str) -> str:
        outer, marker, inner = path.partition(f"/{STAGED}/")
        if marker:  # below its own folder a copy has the path of its original
            inner = inner if inner.startswith("~") else move(f"/{inner}").lstrip("/")
            return f"{move(outer)}{marker}{inner}"
        for old, new in pairs:
            if path == old or path.startswith(f"{old}/"):
                return new + path[len(old) :]
        return path

    return move


def _rewritten(line: str, move: Callable[[str], str]) -> str:
    """Rewrite the paths of one entry; lines of another form stay."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if not isinstance(told, dict) or not isinstance(told.get("path"), str):
        return line
    for key in ("path", "destination"):
        written = told.get(key, "")
        is_address = written.startswith("file:")
        path = path_of(written) if is_address else written
        if not is_remote(path) and path.startswith("/"):
            moved = move(path)
            told[key] = _address(moved) if is_address else moved
    return json.dumps(told) + ("\n" if line.endswith("\n") else "")


def _address(path: str) -> str:
    """Write a path as Spark's file streams do, which compare addresses letter by letter."""
    return "file://" + "".join(
        char if ord(char) > 127 else quote(char, safe=_AS_HADOOP) for char in path
    )


def _move_staged(root: Path, move: Callable[[str], str]) -> None:
    """Give rewritten copies names that tell their originals' new paths."""
    for folder in root.glob(f"autoloader/**/{STAGED}"):
        for file in [each for each in folder.rglob("*") if each.is_symlink() or each.is_file()]:
            inner = file.relative_to(folder).as_posix()
            target = folder / move(f"/{inner}").lstrip("/")
            if inner.startswith("~") or target == file or target.is_symlink() or target.exists():
                continue
            if file.is_symlink():  # to the original, which has moved
                link_to(move(str(file.readlink())), target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(file)  # the old name goes with the next sweep
