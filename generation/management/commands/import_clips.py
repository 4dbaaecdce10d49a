"""`./sora manage import_clips FOLDER --prompts FILE --workspace ID`: MP4s with their prompts."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Workspace
from generation.uploads.clip_import import import_clips, read_table
from sora_site.lib.errors import SoraError

PATIENCE_SECONDS = 600.0  # for the check of the files before it


class Command(BaseCommand):
    help = "Bring MP4 files into a workspace as uploads, each with a draft that holds its prompt."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER")
        parser.add_argument("--prompts", required=True, help="CSV or JSON: file, prompt")
        parser.add_argument("--workspace", type=int, required=True, metavar="ID")

    def handle(self, *, folder: str, prompts: str, workspace: int, **options: Any) -> None:
        found = Workspace.objects.select_related("owner").filter(pk=workspace).first()
        if found is None:
            raise CommandError(f"There is no workspace {workspace}.")
        place, table = (Path(each).expanduser().absolute() for each in (folder, prompts))
        if not place.is_dir() or not table.is_file():
            raise CommandError(f"{place} is not a folder, or {table} is not a file.")
        try:
            result = import_clips(
                place, read_table(table), found, by=found.owner, patience=PATIENCE_SECONDS
            )
        except SoraError as error:
            raise CommandError(f"{error.message} {error.remedy or ''}".strip()) from error
        self.stdout.write(f"{len(result.taken)} files wait for their check.")
        for file, why in result.left_out:
            self.stdout.write(f"  left out {file}: {why}")
