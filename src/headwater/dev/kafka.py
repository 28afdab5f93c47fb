"""A real Kafka broker on loopback: one KRaft node, plain and as Event Hubs is spoken to.

The second listener speaks SASL_SSL/PLAIN with the user `$ConnectionString`, whose password is a
connection string, as the Kafka endpoint of Azure Event Hubs does. What does not live here: the
Kafka client (`landing`), and which broker `headwater dev` runs (`state`).
"""

from __future__ import annotations

import base64
import contextlib
import importlib.resources
import secrets
import socket
import struct
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.dev.certificates import write_certificates
from headwater.dev.processes import (
    LOOPBACK,
    DevServerError,
    Running,
    Server,
    free_port,
    last_words,
    start,
    wait_until_ready,
)
from headwater.landing.broker import EVENT_HUBS_USER
from headwater.machine.jars import Jar, fetch_jars
from headwater.machine.java import find_java
from headwater.settings import Settings, read_settings

VERSION = "4.3.1"
_POLICY = "RootManageSharedAccessKey"


@dataclass(frozen=True)
class KafkaSetup:
    """Where a broker lives and how it is reached; enough to start it again.

    Attributes:
        folder: its data, certificates, properties and log.
        connection_string: password of `$ConnectionString`; a throw-away secret.
        partitions: how many partitions a topic gets that is made by its first use.
    """

    folder: Path
    port: int
    sasl_port: int
    controller_port: int
    connection_string: str
    partitions: int = 4

    @property
    def bootstrap_servers(self) -> str:
        """The plain listener."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def sasl_bootstrap_servers(self) -> str:
        """The SASL_SSL listener."""
        return f"localhost:{self.sasl_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that clients of the SASL_SSL listener must trust."""
        return self.folder / "ca.pem"

    @property
    def log(self) -> Path:
        """What the broker prints."""
        return self.folder / "kafka.log"

    @property
    def properties_file(self) -> Path:
        """The broker's own settings."""
        return self.folder / "server.properties"

    @property
    def facts(self) -> dict[str, str]:
        """What a client needs to know."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "sasl_bootstrap_servers": self.sasl_bootstrap_servers,
            "ca_file": str(self.ca_file),
            "user": EVENT_HUBS_USER,
            "connection_string": self.connection_string,
        }

    def launch(self, settings: Settings) -> Server:
        """Start the broker, without waiting."""
        command = [*_java(settings, "kafka.Kafka"), str(self.properties_file)]
        return start("kafka", command, self.log)

    def wait(self, server: Server) -> None:
        """Wait until the broker returns metadata."""
        wait_until_ready(server, lambda: _answers(self.port), self.log)


class Broker(Running):
    """A running broker."""

    def __init__(self, setup: KafkaSetup, settings: Settings) -> None:
        self.setup = setup
        super().__init__(setup, settings)

    @property
    def bootstrap_servers(self) -> str:
        """Address of the plain listener, `host:port`."""
        return self.setup.bootstrap_servers

    @property
    def sasl_bootstrap_servers(self) -> str:
        """Address of the SASL_SSL listener, `host:port`."""
        return self.setup.sasl_bootstrap_servers

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that signed the SASL_SSL listener's certificate."""
        return self.setup.ca_file

    @property
    def connection_string(self) -> str:
        """Password of the user `$ConnectionString`, shaped like one of Event Hubs."""
        return self.setup.connection_string


@contextmanager
def kafka_broker(
    folder: Path,
    *,
    partitions: int = 4,
    settings: Settings | None = None,
    on_fetch: Callable[[str], None] | None = None,
) -> Iterator[Broker]:
    """Run a broker in `folder` for the length of a `with` block; it answers when the block begins.

    Args:
        partitions: how many partitions a topic gets that is made by its first use.
        on_fetch: called with the name of each jar that the cache lacks, before it is fetched.

    Raises:
        SettingError: no Java, or a jar could not be fetched.
        DevServerError: DEV_SERVER_FAILED.

    Example:
        with kafka_broker(tmp_path) as broker:
            KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    """
    known = settings or read_settings()
    broker = Broker(prepare_broker(folder, known, on_fetch, partitions), known)
    try:
        yield broker
    finally:
        broker.stop()


def prepare_broker(
    folder: Path,
    settings: Settings,
    on_fetch: Callable[[str], None] | None = None,
    partitions: int = 4,
) -> KafkaSetup:
    """Fetch the jars, choose ports and a password, make certificates, format the data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tell = None if on_fetch is None else lambda jar: on_fetch(jar.file_name)
    fetch_jars(broker_jars(), jar_folder(settings), settings, tell)
    sasl_port = free_port()
    setup = KafkaSetup(
        folder=folder.absolute(),
        port=free_port(),
        sasl_port=sasl_port,
        controller_port=free_port(),
        connection_string=_connection_string(sasl_port),
        partitions=partitions,
    )
    write_certificates(setup.folder)
    setup.properties_file.touch(mode=0o600)
    setup.properties_file.write_text(_properties(setup))
    _format(setup, settings)
    return setup


def broker_jars() -> tuple[Jar, ...]:
    """Name the broker's jars: the runtime closure of `org.apache.kafka:kafka_2.13`, pinned.

    With `slf4j-simple`, so that a broker that fails says why.
    """
    pins = importlib.resources.files("headwater.dev") / f"kafka-{VERSION}.sha256"
    return tuple(_jar(*line.split()) for line in pins.read_text().splitlines())


def _jar(sha256: str, path: str) -> Jar:
    *group, artifact, version, _ = path.split("/")
    return Jar(".".join(group), artifact, version, sha256)


def jar_folder(settings: Settings) -> Path:
    """Name the cache folder that holds the broker's jars and nothing else."""
    return settings.cache / f"kafka-{VERSION}"


def _java(settings: Settings, main: str) -> list[str]:
    return [
        str(find_java(settings).executable),
        "-Xmx384m",
        "-XX:+UseSerialGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        str(jar_folder(settings) / "*"),
        main,
    ]


def _format(setup: KafkaSetup, settings: Settings) -> None:
    """Write the cluster id into the data folder, as Kafka's own tool does."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    arguments = ["format", f"--cluster-id={cluster}", "-c", str(setup.properties_file)]
    with setup.log.open("ab") as out:
        done = subprocess.run(  # noqa: S603 - the Java and the jars that we chose
            [*_java(settings, "kafka.tools.StorageTool"), *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
    if done.returncode != 0:
        raise DevServerError(
            "DEV_SERVER_FAILED",
            "Kafka's data folder could not be formatted",
            where=str(setup.log),
            hint=f"The end of its log: {last_words(setup.log)}",
        )


def _connection_string(port: int) -> str:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"Endpoint=sb://localhost:{port}/;SharedAccessKeyName={_POLICY};SharedAccessKey={key}"


def _properties(setup: KafkaSetup) -> str:
    """Write `server.properties`: small caches, no replicas, no waiting for more group members."""
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'user_{EVENT_HUBS_USER}="{setup.connection_string}";'
    )
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{setup.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": (
            f"PLAINTEXT://{setup.bootstrap_servers},SASL_SSL://{LOOPBACK}:{setup.sasl_port},"
            f"CONTROLLER://{LOOPBACK}:{setup.controller_port}"
        ),
        "advertised.listeners": (
            f"PLAINTEXT://{setup.bootstrap_servers},SASL_SSL://{setup.sasl_bootstrap_servers}"
        ),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": setup.folder / "server.pem",
        "log.dirs": setup.folder / "data",
        "auto.create.topics.enable": "true",
        "num.partitions": setup.partitions,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "log.cleaner.dedupe.buffer.size": 8 * 2**20,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _answers(port: int) -> bool:
    """Whether the broker names itself in its metadata: then it takes topics and events."""
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)  # Metadata v1, no client id, no topics
    with contextlib.closing(socket.create_connection((LOOPBACK, port), timeout=2)) as wire:
        wire.sendall(struct.pack(">i", len(request)) + request)
        head = wire.recv(12, socket.MSG_WAITALL)  # size, correlation id, number of brokers
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0
