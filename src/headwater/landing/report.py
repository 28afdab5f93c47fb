"""Report the progress of landing: JSON lines, a line on a terminal, Prometheus text, health.

Lines hold counts and ids only. What does not live here: counting (`counts`, `consumer`).
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, TextIO

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from headwater.errors import SettingError
from headwater.landing.counts import Counts
from headwater.landing.standing import Standing

REPORT_SECONDS = 10.0
_STUCK_SECONDS = 60.0
_COUNTERS = {
    "landed": "Rows in landed files",
    "rejected": "Events in files of rejected events",
    "extras": "Landed rows with fields that the contract does not name",
    "files": "Files written",
    "commits": "Commits of offsets to the group",
    "claims_lost": "Ranges of offsets that another consumer had claimed first",
    "expired": "Offsets that the broker deleted before they were landed",
}
_GAUGES = {
    "lag": "Events in this consumer's partitions that are not landed yet",
    "rows_per_second": "Events landed per second in the last interval",
    "memory_bytes": "Decoded events in memory",
    "partitions": "Partitions this consumer reads",
}


class Watched(Protocol):
    """What is reported of a consumer."""

    counts: Counts

    @property
    def standing(self) -> Standing:
        """Return the state of the consumer in its group."""

    @property
    def memory(self) -> int:
        """Return the bytes of decoded events in memory."""

    @property
    def partitions(self) -> Sequence[object]:
        """Return the partitions this consumer reads."""

    def lag(self) -> int | None:
        """Ask the broker how many events are not landed yet; None while unknown."""


@dataclass(frozen=True)
class Snapshot:
    """The state of landing at one moment; times are on the monotonic clock."""

    counts: Counts
    lag: int | None
    rows_per_second: float
    memory_bytes: int
    partitions: int
    standing: Standing
    lag_known_at: float
    turned_at: float


class Reporter:
    """Writes lines to a stream, and keeps the last snapshot for whoever asks over HTTP.

    Args:
        stream: standard error; a terminal gets one line that changes, anything else JSON lines.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._began = self._told = time.monotonic()
        self._events_told = 0
        joining = Standing(is_settled=False, partitions=0, since=self._began)
        self.snapshot = Snapshot(Counts(), None, 0.0, 0, 0, joining, self._began, self._began)

    def notify(self, happening: str, **facts: int | float | str | None) -> None:
        """See `Notify`; any thread may call it."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": happening, **facts})
        with self._lock:
            self._stream.write(f"\r\033[K{line}\n" if self._is_terminal else f"{line}\n")
            self._stream.flush()

    def on_turn(self, consumer: Watched) -> None:
        """Take a turn of the consumer's loop; tells when the interval is over."""
        now = time.monotonic()
        seconds = now - self._told
        if seconds < (1.0 if self._is_terminal else REPORT_SECONDS):
            standing = consumer.standing
            self.snapshot = replace(self.snapshot, standing=standing, turned_at=now)
            return
        self.tell(consumer)

    def tell(self, consumer: Watched) -> None:
        """Take a snapshot and write it."""
        now = time.monotonic()
        counts = Counts(**asdict(consumer.counts))
        events = counts.landed + counts.rejected
        rate = (events - self._events_told) / max(now - self._told, 0.001)
        self._told, self._events_told = now, events
        lag = consumer.lag()
        self.snapshot = Snapshot(
            counts,
            lag,
            round(rate, 1),
            consumer.memory,
            len(consumer.partitions),
            consumer.standing,
            self.snapshot.lag_known_at if lag is None else now,
            now,
        )
        if self._is_terminal:
            self._progress()
        else:
            self.notify("progress", **facts_of(self.snapshot))

    def _progress(self) -> None:
        shot = self.snapshot
        lag = "unknown" if shot.lag is None else f"{shot.lag:,}"
        with self._lock:
            self._stream.write(
                f"\r\033[K{shot.counts.landed:,} landed, {shot.counts.rejected:,} rejected, "
                f"{shot.counts.files:,} files, {shot.rows_per_second:,.0f}/s, lag {lag}"
            )
            self._stream.flush()


def facts_of(snapshot: Snapshot) -> dict[str, int | float | str | None]:
    """Return a snapshot as flat facts; an unknown lag is None."""
    gauges = {name: getattr(snapshot, name) for name in _GAUGES}
    return {**asdict(snapshot.counts), **gauges, "standing": snapshot.standing.word}


class _Collector:
    """Gives the reporter's last snapshot to Prometheus."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def collect(self) -> Iterator[Metric]:
        facts = facts_of(self._reporter.snapshot)
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"headwater_landing_{name}", text, value=_number(facts[name]))
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"headwater_landing_{name}", text, value=_number(facts[name]))


def _number(fact: int | float | str | None) -> float:
    return math.nan if fact is None else float(fact)


class Health(Protocol):
    """What else `/healthz` looks at."""

    @property
    def is_well(self) -> bool:
        """Return whether the storage answered lately."""


@contextmanager
def serve_metrics(reporter: Reporter, storage: Health, port: int) -> Iterator[int]:
    """Serve `/metrics` and `/healthz` on 127.0.0.1; return the port (a free one for 0).

    `/healthz` answers 200, or 503 with what is wrong: the loop is stuck, the storage or the broker
    does not answer, or the group assigns no partition.

    Raises:
        SettingError: METRICS_PORT_TAKEN.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(reporter))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), "text/plain; version=0.0.4")
            elif self.path == "/healthz":
                fault = _fault(reporter, storage)
                text = fault or _well(reporter.snapshot.standing)
                self._answer(503 if fault else 200, text.encode(), "text/plain")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep requests out of the log."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise SettingError(
            "METRICS_PORT_TAKEN",
            f"Metrics can't be served on port {port}",
            hint="Name another --metrics-port, or 0 for a free one.",
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fault(reporter: Reporter, storage: Health) -> str:
    now, shot = time.monotonic(), reporter.snapshot
    if now - shot.turned_at > _STUCK_SECONDS:
        return f"the loop is stuck: the broker was not polled for {now - shot.turned_at:.0f} s"
    if not storage.is_well:
        return "the storage does not answer"
    silent = now - max(shot.lag_known_at, shot.standing.since)
    if shot.standing.word != "waiting" and silent > _STUCK_SECONDS:
        return f"the broker has not reported the lag for {silent:.0f} s"
    return shot.standing.fault(now)


def _well(standing: Standing) -> str:
    if standing.word == "spare":
        return "well: the group has no partition left for this member"
    return "well"
