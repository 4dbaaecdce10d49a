"""`./sora verify FILE`: Content Credentials, the visible mark, and our own clips it looks like."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.errors import InvalidFile
from generation.inspection import verify_file
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.progress import Bar
from sora_site.management.site import ready_site


class Command(BaseCommand):
    help = "Say where a video or an image comes from. Exit status 0: its credentials are valid."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, file: str, **options: Any) -> None:
        path = Path(file).expanduser().absolute()
        if not path.is_file():
            raise CommandError(f"{path} is not a file.")
        with Bar() as bar:
            try:
                with ready_site("verify", bar):
                    bar.show(50, "reading the file")
                    result = _verify(path)
            except EmbeddedServiceError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(result) if options["json"] else _in_words(result))
        if result["c2pa"]["state"] not in {"valid", "trusted"}:
            sys.exit(1)


def _verify(path: Path) -> dict[str, Any]:
    try:
        return verify_file(path, viewer=None)
    except InvalidFile as error:
        return {
            "c2pa": {"state": "none", "claims": {}, "failures": []},
            "visible_watermark": False,
            "matches": [],
            "error": {"code": error.code, "message": error.message, "remedy": error.remedy},
        }


def _in_words(result: dict[str, Any]) -> str:
    if error := result.get("error"):
        return f"{error['message']} {error['remedy'] or ''}".rstrip()
    c2pa = result["c2pa"]
    lines = [f"Content Credentials: {c2pa['state']}"]
    lines += [f"  {name}: {value}" for name, value in (c2pa["claims"] or {}).items()]
    lines += [f"  failed: {failure}" for failure in c2pa.get("failures") or []]
    mark = {True: "present", False: "not found", None: "not looked for"}
    lines.append(f"Visible mark: {mark[result['visible_watermark']]}")
    if result["matches"]:
        lines.append("Looks like these clips of ours:")
        lines += [f"  {m['id']}  {m['distance']} of 256 bits differ" for m in result["matches"]]
    else:
        lines.append("Looks like none of our clips.")
    return "\n".join(lines)
