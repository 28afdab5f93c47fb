"""Which files lint looks at, and that it is silent about our own."""

from pathlib import Path

from headwater.errors import HeadwaterError
from headwater.finding import Finding
from headwater.graph.sources import SourceText, read_source
from headwater.lint.files import check_files

ROOT = Path(__file__).parents[2]
RDD = "x = spark.range(3).rdd\n"


def read(file: Path) -> SourceText | None:
    try:
        return read_source(file)
    except HeadwaterError:
        return None


def lint(folder: Path, *names: str) -> list[str]:
    files = [folder / name for name in names]
    found = check_files(files, [folder], read)
    return [Path(each.location.file).relative_to(folder).as_posix() for each in found]


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_modules_of_the_bundle_are_linted_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_py="import tools.deep\nfrom tools import more\nimport json\n",
        b_py="from tools.deep import f\n",
        tools__deep_py=RDD,
        tools__more_py="from .deep import f\nfrom . import last\n",
        tools__last_py="from .. import a\n" + RDD,
        tools__unused_py=RDD,
    )
    assert lint(tmp_path, "a.py", "b.py") == ["tools/deep.py", "tools/last.py"]


def test_import_inside_a_function_counts(tmp_path: Path) -> None:
    write(tmp_path, a_py="def f():\n    import helper\n", helper_py=RDD)
    assert lint(tmp_path, "a.py") == ["helper.py"]


def test_what_does_not_parse_is_left_to_the_loader(tmp_path: Path) -> None:
    write(tmp_path, a_py="def (:\n" + RDD, b_py=RDD)
    (tmp_path / "c.sql").write_text("SELECT 1")
    (tmp_path / "d.ipynb").write_text("{}")
    assert lint(tmp_path, "a.py", "c.sql", "d.ipynb", "b.py") == ["b.py"]


def test_deep_nesting_and_odd_escapes_are_no_error_of_lint(tmp_path: Path) -> None:
    deep = "x = " + " + ".join(["1"] * 3000) + "\n"
    write(tmp_path, a_py=deep, b_py='y = "\\d"\n' + RDD)
    assert lint(tmp_path, "a.py", "b.py") == ["b.py"]


def test_notebook_cells_are_linted(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["x.rdd"]},'
        ' {"cell_type": "code", "source": ["x = 1\\n", "\\n"]},'
        ' {"cell_type": "code", "source": ["\\n", "y = 1\\n", "spark.range(1).rdd"]}]}'
    )
    (found,) = check_files([tmp_path / "n.ipynb"], [], read)
    assert (found.code, found.location.cell, found.location.line) == ("SERVERLESS_RDD", 3, 3)


def test_own_pipelines_and_examples_have_no_findings() -> None:
    folders = [ROOT / "pipelines", ROOT / "examples", ROOT / "benchmarks" / "bundle"]
    files = [file for folder in folders for file in sorted(folder.rglob("*.*"))]
    sources = [file for file in files if file.suffix in (".py", ".ipynb")]
    assert len(sources) > 5
    found: list[Finding] = check_files(sources, [ROOT / "src"], read)
    own = str(ROOT / "src" / "headwater")  # examples import it; it runs in no workspace
    assert [each for each in found if not each.location.file.startswith(own)] == []
