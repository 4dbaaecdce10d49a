"""What every benchmark reports beside its measures: versions, machine, load, date."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from typing import Any


def context(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Versions of Python and the named packages, the machine, its load now, and the date."""
    return {
        "versions": {"python": platform.python_version(), **_versions(packages)},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_bytes() / 2**30, 1),
        },
        "load": [round(value, 2) for value in os.getloadavg()],
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def main(run: Callable[[], dict[str, Any]]) -> None:
    """Run one benchmark from the command line and print its JSON object."""
    unknown = set(sys.argv[1:]) - {"--json"}
    if unknown:
        sys.exit(f"usage: python -m benchmarks.NAME [--json]   (unknown: {' '.join(unknown)})")
    print(json.dumps(run(), indent=2))


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
