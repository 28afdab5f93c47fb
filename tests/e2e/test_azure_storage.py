"""Auto Loader over a container of Azure storage: a real emulator, a real update."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from deltalake import DeltaTable

from command import BUNDLE, bundle, headwater
from headwater.autoloader.discovery import list_files
from headwater.autoloader.options import read_options
from headwater.autoloader.request import CloudFiles
from headwater.autoloader.storage import Storage
from headwater.dev.azurite import Azurite, azurite
from headwater.errors import DefinitionError, Location
from headwater.machine.azure import hadoop_settings

pytestmark = pytest.mark.servers

HOST = "devstoreaccount1.dfs.core.windows.net"
ROOT = f"abfs://land@{HOST}/events"

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
@dp.expect_or_drop("known", "id IS NOT NULL")
def bronze():
    landing = spark.conf.get("landing")
    return (
        spark.readStream.format("cloudFiles")
        .options(**{
            "cloudFiles.format": "parquet",
            "cloudFiles.allowOverwrites": "true",
            "cloudFiles.cleanSource": "MOVE",
            "cloudFiles.cleanSource.retentionDuration": "0 seconds",
            "cloudFiles.cleanSource.moveDestination": landing.replace("/events", "/done"),
        })
        .load(landing)
        .select("*", F.col("_metadata.file_name").alias("file"))
    )
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not on the PATH")
    with azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture
def container(emulator: Azurite) -> Iterator[ContainerClient]:
    client = BlobServiceClient.from_connection_string(emulator.connection_string)
    with client, client.create_container("land") as made:
        yield made
        made.delete_container()


def put(container: ContainerClient, name: str, **columns: list[object]) -> None:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), out)
    container.upload_blob(name, out.getvalue().to_pybytes())


def request(path: str, **options: str) -> CloudFiles:
    return CloudFiles(path, {"cloudFiles.format": "parquet", **options}, Location("p.py", 1))


def listed(emulator: Azurite, path: str, **options: str) -> list[str]:
    storage = Storage(hadoop_settings(emulator.connection_string).get)
    asked = request(path, **options)
    files = list_files(asked, read_options(asked), storage=storage)
    return sorted(file.path.removeprefix(f"abfs://land@{HOST}/") for file in files)


def test_listing_follows_globs_and_hides_what_is_no_data(
    emulator: Azurite, container: ContainerClient
) -> None:
    names = [
        "events/day=1/a b.parquet",
        "events/day=2/b.parquet",
        "events/_rejected/c.parquet",
        "events/.hidden",
        "other/d.parquet",
    ]
    for name in names:
        container.upload_blob(name, b"data")
    assert listed(emulator, ROOT + "/") == names[:2]
    assert listed(emulator, f"{ROOT}/day=[2-9]") == names[1:2]
    assert listed(emulator, f"abfs://land@{HOST}/{{other,events}}/**") == [*names[:2], names[4]]
    assert listed(emulator, f"{ROOT}/*/*.parquet", pathGlobFilter="a*") == names[:1]
    assert listed(emulator, f"{ROOT}/day=2/b.parquet") == names[1:2]
    with pytest.raises(DefinitionError, match="does not exist"):
        listed(emulator, f"abfs://land@{HOST}/nothing")


def test_files_are_copied_moved_and_deleted(
    tmp_path: Path, emulator: Azurite, container: ContainerClient
) -> None:
    storage = Storage(hadoop_settings(emulator.connection_string).get)
    container.upload_blob("events/day=1/a b.parquet", b"data")
    container.upload_blob("done/taken", b"of another file")
    storage.copy(f"{ROOT}/day=1/a b.parquet", tmp_path / "copies" / "a")
    assert (tmp_path / "copies" / "a").read_bytes() == b"data"
    with pytest.raises(FileExistsError):
        storage.move(f"{ROOT}/day=1/a b.parquet", f"abfs://land@{HOST}/done/taken")
    assert container.download_blob("done/taken").readall() == b"of another file"
    target = f"abfs://land@{HOST}/done/day=1/a b.parquet"
    storage.move(f"{ROOT}/day=1/a b.parquet", target)
    assert listed(emulator, f"abfs://land@{HOST}/*") == ["done/day=1/a b.parquet", "done/taken"]
    assert container.download_blob("done/day=1/a b.parquet").readall() == b"data"
    storage.delete(target)
    assert listed(emulator, f"abfs://land@{HOST}/*") == ["done/taken"]


def test_update_reads_a_container_exactly_once(
    tmp_path: Path, emulator: Azurite, container: ContainerClient
) -> None:
    text = BUNDLE.replace("configuration:", f"configuration:\n        landing: {ROOT}")
    folder = bundle(tmp_path, SOURCE, text)
    storage = {"AZURE_STORAGE_CONNECTION_STRING": emulator.connection_string}
    put(container, "events/day=1/a b.parquet", id=[1, 2, None], age=[10, 20, 30])
    put(container, "events/day=1/_rejected/x.parquet", id=[9], age=[9])
    first = headwater("run", folder=folder, **storage)
    assert first.returncode == 0, first.stderr
    assert listed(emulator, ROOT) == []
    put(container, "events/day=2/c.parquet", id=[3], age=["forty"])  # another type: rescued
    put(container, "events/day=1/a b.parquet", id=[4], age=[50])  # another version
    second = headwater("run", folder=folder, **storage)
    assert second.returncode == 0, second.stderr
    rows = DeltaTable(folder / ".headwater/dev/tables/main/s/bronze").to_pyarrow_table().to_pylist()
    shown = sorted((row["id"], row["age"], row["day"], row["file"]) for row in rows if row["age"])
    ages = {1: 10, 2: 20, 4: 50}
    assert shown == [(each, age, "1", "a%20b.parquet") for each, age in ages.items()]
    later, *moved = listed(emulator, f"abfs://land@{HOST}/done")
    assert moved == ["done/day=1/a b.parquet", "done/day=2/c.parquet"]
    assert later.startswith("done/day=1/a b-")
    assert listed(emulator, ROOT) == []
    (rescued,) = [json.loads(row["_rescued_data"]) for row in rows if row["_rescued_data"]]
    assert rescued == {"age": "forty", "_file_path": f"{ROOT}/day=2/c.parquet"}
    told = first.stdout + first.stderr + second.stdout + second.stderr
    logs = [file.read_text(errors="replace") for file in folder.rglob("*.log")]
    assert not any(emulator.key in text for text in [told, *logs])


def test_unknown_account_says_which_variable_to_set(tmp_path: Path) -> None:
    text = BUNDLE.replace("configuration:", f"configuration:\n        landing: {ROOT}")
    done = headwater("run", folder=bundle(tmp_path, SOURCE, text))
    *_, error, fix = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert error.startswith("error: [STORAGE_ACCOUNT_UNKNOWN]")
    assert "AZURE_STORAGE_CONNECTION_STRING" in fix


def test_other_formats_are_refused_by_name() -> None:
    with pytest.raises(DefinitionError, match="csv files only from local folders"):
        read_options(request(ROOT, **{"cloudFiles.format": "csv"}))
