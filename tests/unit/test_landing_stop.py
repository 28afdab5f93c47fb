"""SIGTERM ends `headwater land` in time, also when a client library never comes back."""

from __future__ import annotations

import signal
import subprocess
import sys

HANGING = """
from headwater.cli.endings import stopping_on_signals
with stopping_on_signals(0.2, lambda: print("stop_overdue", flush=True)):
    print("ready", flush=True)
    while True:
        pass
"""


def test_sigterm_ends_a_process_that_hangs_in_its_client() -> None:
    with subprocess.Popen([sys.executable, "-c", HANGING], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, said) == (1, b"stop_overdue\n")
