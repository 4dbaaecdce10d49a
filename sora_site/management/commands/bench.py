"""`./sora bench`: list the benchmarks, or run one in a process of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "List the benchmarks, or run one: bench NAME [--json]."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--part", action="append", default=[], help="of a benchmark that has parts: one alone"
        )

        parser.add_argument("--rows", type=int, help="of a benchmark over rows: how many")

    def handle(self, *, name: str | None, part: list[str], **options: Any) -> None:
        known = benchmarks()
        if name is None:
            for title, what in known.items():
                self.stdout.write(f"  {title:<14} {what}")
            return
        if name not in known:
            raise CommandError(f"There is no benchmark {name!r}; there are {', '.join(known)}.")
        parts = [word for each in part for word in ("--part", each)]
        if options["rows"] is not None:
            parts += ["--rows", str(options["rows"])]
        child = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name.replace('-', '_')}", "--json", *parts],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
        )
        if child.returncode:
            raise CommandError(f"The benchmark ended with exit status {child.returncode}.")
        result = json.loads(child.stdout)
        if options["json"]:
            self.stdout.write(json.dumps(result))
            return
        for measure, value in result["measures"].items():
            self.stdout.write(f"  {measure:<24} {value}")
        self.stdout.write(f"  {json.dumps(result['context'])}")


def benchmarks() -> dict[str, str]:
    """Name -> first line of its docstring, for every module of benchmarks/ that has a `run`."""
    found = {}
    for path in sorted((Path(settings.BASE_DIR) / "benchmarks").glob("*.py")):
        tree = ast.parse(path.read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "run" in functions:
            first_line = (ast.get_docstring(tree) or "").partition("\n")[0]
            found[path.stem.replace("_", "-")] = first_line
    return found
