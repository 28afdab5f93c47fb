"""A sink that survives faults: one retry policy, with a circuit breaker, for every storage.

A temporary fault is retried, with growing random delays. After five in a row the breaker opens, and
for some seconds the storage is not asked. A refusal is never retried.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pybreaker
import tenacity

from headwater.errors import SinkError
from headwater.landing.counts import Notify
from headwater.landing.sink import Sink

T = TypeVar("T")

FAULTS_TO_OPEN = 5
OPEN_SECONDS = 2.0
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0


class SteadySink:
    """Retries what an inner sink can't do for the moment.

    Every operation of a sink is safe to repeat: a file that was created by an attempt whose answer
    was lost "already exists" at the next.

    Args:
        inner: the storage.
        patience_seconds: how long one operation is tried; None for as long as it takes.
        notify: told of each fault that is retried, with its code and no secrets.
    """

    def __init__(
        self, inner: Sink, *, patience_seconds: float | None = None, notify: Notify
    ) -> None:
        self._inner = inner
        self._notify = notify
        self._given_up = threading.Event()
        self._patience: tenacity.stop.stop_base = (
            tenacity.stop_never
            if patience_seconds is None
            else tenacity.stop_after_delay(patience_seconds)
        )
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=FAULTS_TO_OPEN, reset_timeout=OPEN_SECONDS, exclude=[_is_refusal]
        )

    def give_up(self) -> None:
        """Stop retrying."""
        self._given_up.set()

    def with_patience(self, seconds: float) -> SteadySink:
        """Return the same storage, with the same breaker, tried for another length of time."""
        other = copy.copy(self)
        other._patience = tenacity.stop_after_delay(seconds)
        return other

    @property
    def is_well(self) -> bool:
        """Return whether the storage answered lately."""
        return bool(self._breaker.current_state == pybreaker.STATE_CLOSED)

    def create(self, name: str, content: bytes) -> bool:
        """See `Sink.create`."""
        return self._try(self._inner.create, name, content)

    def read(self, name: str) -> bytes:
        """See `Sink.read`."""
        return self._try(self._inner.read, name)

    def exists(self, name: str) -> bool:
        """See `Sink.exists`."""
        return self._try(self._inner.exists, name)

    def list(self, folder: str) -> list[str]:
        """See `Sink.list`."""
        return self._try(self._inner.list, folder)

    def _try(self, operation: Callable[..., T], *arguments: Any) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_mend),
            wait=tenacity.wait_random_exponential(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS),
            stop=tenacity.stop_any(self._patience, tenacity.stop_when_event_set(self._given_up)),
            sleep=tenacity.sleep_using_event(self._given_up),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            done: T = retrying(self._breaker.call, operation, *arguments)
            return done
        except pybreaker.CircuitBreakerError:
            raise SinkError(
                "SINK_AWAY",
                "The storage does not answer",
                hint="Landing continues from the same place when it is back.",
                is_transient=True,
            ) from None

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, SinkError):
            self._notify("storage_fault", code=error.code, attempt=state.attempt_number)


def _may_mend(error: BaseException) -> bool:
    if isinstance(error, SinkError):
        return error.is_transient
    return isinstance(error, pybreaker.CircuitBreakerError)


def _is_refusal(error: BaseException) -> bool:
    return not _may_mend(error)
