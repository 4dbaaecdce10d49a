"""`./sora manage export_workspace ID -o FILE`: a workspace as one archive, see docs/archive.md."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.models import Workspace
from generation.archives.writing import write_archive
from generation.provenance.c2pa import SigningError


class Command(BaseCommand):
    help = "Write a workspace with its clips, prompts, plans, folders and marks into one zip file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", type=int, metavar="ID")
        parser.add_argument("-o", "--output", required=True, metavar="FILE")

    def handle(self, *, workspace: int, output: str, **options: Any) -> None:
        found = Workspace.objects.filter(pk=workspace).first()
        if found is None:
            raise CommandError(f"There is no workspace {workspace}.")
        target = Path(output).expanduser().absolute()
        work = Path(settings.SORA_STATE_DIR) / "work"
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="export-", dir=work) as scratch:
            part = target.with_name(f".{target.name}.part")
            try:
                clips = write_archive(found, part, scratch=Path(scratch))
                part.replace(target)
            except (OSError, SigningError) as error:
                raise CommandError(f"The archive can't be written: {error}") from error
            finally:
                part.unlink(missing_ok=True)
        audit.record(
            audit.WORKSPACE_EXPORTED,
            workspace=found,
            target=found,
            clips=len(clips),
            kind="export",
        )
        size = target.stat().st_size / 2**20
        self.stdout.write(f"{target}: {len(clips)} clips, {size:.1f} MB")
