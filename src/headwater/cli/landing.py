"""Land the events of a broker: what `headwater land` does once its options are read."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from headwater.cli.endings import stopping_on_signals
from headwater.errors import ContractError, SettingError, UsageError
from headwater.landing.broker import BrokerAddress, event_hubs_server
from headwater.landing.consumer import Consumer
from headwater.landing.contract import read_contract
from headwater.landing.eventhubs import EventHubsSource, HubAddress
from headwater.landing.kafka import KafkaSource
from headwater.landing.report import Reporter, serve_metrics
from headwater.landing.sinks import open_sink
from headwater.landing.source import EventSource
from headwater.landing.steady import SteadySink
from headwater.landing.tracks import Limits as Limits  # the command names them
from headwater.settings import LandingSettings, is_workspace, read_landing_settings

_PATIENCE_ONCE_SECONDS = 120.0
_KAFKA_GROUP, _HUB_GROUP = "headwater-landing", "$Default"
_STOP_SECONDS = 9.5  # then the process ends without its last flush; the claims allow it
ISOLATION_DEFAULT = "read_committed"


@dataclass(frozen=True)
class Place:
    """Where events come from."""

    protocol: str
    topic: str | None
    group: str | None
    bootstrap_servers: str | None
    ca_file: Path | None
    member: str | None
    isolation: str


def check_options(place: Place, sink: str, max_rows: int, max_seconds: float) -> None:
    """Refuse limits of 0, empty names, and options that would have no effect."""
    if max_rows < 1 or not max_seconds > 0:  # nan is not above 0 either
        better = "--max-rows 50000" if max_rows < 1 else "--max-seconds 60"
        raise UsageError("LIMIT_INVALID", "A limit must be above 0", hint=f"Write {better}.")
    names = {"sink": sink, "topic": place.topic, "group": place.group, "member": place.member}
    for name, given in names.items():
        if given is not None and not given.strip():
            raise UsageError("OPTION_EMPTY", f"--{name} is empty", hint=f"Name a {name}.")
    for option in _without_effect(place):
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            f"{option} has no effect on this kind of source",
            hint="Remove it, or choose another source.",
        )


def _without_effect(place: Place) -> list[str]:
    if place.protocol == "kafka":
        return ["--ca-file"] if place.ca_file and place.bootstrap_servers else []
    given = {
        "--bootstrap-servers": place.bootstrap_servers,
        "--ca-file": place.ca_file,
        "--member": place.member,
        "--isolation-level": place.isolation != ISOLATION_DEFAULT,
    }
    return [option for option, value in given.items() if value]


def land_events(
    place: Place,
    sink: str,
    contract: Path | None,
    limits: Limits,
    *,
    once: bool,
    metrics_port: int | None,
) -> dict[str, int]:
    """Land events until a signal comes, or all that are available now; return the totals.

    Raises:
        ContractError: no contract, or one with faults.
        SettingError: TOPIC_MISSING, SOURCE_MISSING.
        UsageError: TOPIC_HIDDEN.
        LandingError: LANDING_UNFINISHED, and what ends the consumer.
    """
    if contract is None:
        raise ContractError(
            "CONTRACT_MISSING",
            "Landing needs a contract that names the columns of the events",
            hint="Add --contract FILE; resources/contracts/patient_events.yml is one.",
        )
    _silence_clients()
    settings = read_landing_settings()
    columns = read_contract(contract)
    source = _open_source(place, settings)
    topic = place.topic or settings.event_hub
    inner = open_sink(
        sink,
        connection_string=settings.storage,
        sas=settings.storage_sas,
        in_workspace=is_workspace(),
    )
    reporter = Reporter()
    patience = _PATIENCE_ONCE_SECONDS if once else None
    steady = SteadySink(inner, patience_seconds=patience, notify=reporter.notify)
    serving = (
        nullcontext(0) if metrics_port is None else serve_metrics(reporter, steady, metrics_port)
    )
    signals = stopping_on_signals(_STOP_SECONDS, lambda: reporter.notify("stop_overdue"))
    with signals as stopping, serving as port:
        reporter.notify("started", metrics_port=port, once=once)
        if topic != columns.topic:
            reporter.notify("contract_of_another_topic", topic=topic, contract=columns.topic)
        consumer = Consumer(
            source,
            steady,
            columns,
            limits,
            stopping=stopping,
            once=once,
            notify=reporter.notify,
            on_turn=reporter.on_turn,
        )
        totals = asdict(consumer.run())
    reporter.notify("ended", **totals)
    return totals


def _open_source(place: Place, settings: LandingSettings) -> EventSource:
    """Choose the client for the protocol, and check what it needs."""
    topic = place.topic or settings.event_hub
    if not topic:
        raise SettingError(
            "TOPIC_MISSING", "No topic is given", hint="Add --topic NAME, or set EVENT_HUB_NAME."
        )
    if topic.startswith(("_", ".")):
        raise UsageError(
            "TOPIC_HIDDEN",
            f"The topic '{topic}' would be landed in a folder that Spark and Auto Loader ignore",
            hint="They read nothing whose name begins with _ or a dot: use another topic.",
        )
    if place.protocol == "eventhubs":
        return _open_event_hub(place, topic, settings)

    if place.bootstrap_servers:
        address = BrokerAddress(place.bootstrap_servers)
    else:
        namespace, connection_string = _event_hubs(settings)
        server = event_hubs_server(namespace)
        address = BrokerAddress(server, connection_string, place.ca_file)
    return KafkaSource(
        address,
        topic,
        place.group or _KAFKA_GROUP,
        member=place.member,
        isolation=place.isolation,
    )


def _open_event_hub(place: Place, hub: str, settings: LandingSettings) -> EventSource:

    if not settings.connection_string or not settings.storage:
        raise SettingError(
            "SOURCE_MISSING",
            "No Event Hubs namespace is given, or no storage account for its checkpoints",
            hint="Set CONNECTION_STRING and AZURE_STORAGE_CONNECTION_STRING.",
        )
    group = place.group or _HUB_GROUP
    return EventHubsSource(HubAddress(hub, group, settings.connection_string, settings.storage))


def _event_hubs(settings: LandingSettings) -> tuple[str, str]:
    """Return name and key of the Event Hubs namespace that the settings name."""
    if not settings.namespace or not settings.connection_string:
        raise SettingError(
            "SOURCE_MISSING",
            "No broker is given",
            hint="Add --bootstrap-servers, or set EVENTHUBS_NAMESPACE and CONNECTION_STRING.",
        )
    return settings.namespace, settings.connection_string


def _silence_clients() -> None:
    """Keep the clients' own messages out of the log: they may quote requests."""
    for name in ("kafka", "azure", "uamqp"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
