"""Run a piece of Python in a process of its own, for faults that mustn't hit the test run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

SMALL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
"""


def run_python(code: str, *args: object) -> str:
    """Standard output of `code`, run with `args` in sys.argv from the project's root."""
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def small_disk(limit: int) -> str:
    """Code after which no file of the process can grow beyond `limit` bytes."""
    return SMALL_DISK.replace("MOST_BYTES", str(limit))
