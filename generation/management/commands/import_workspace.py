"""`./sora manage import_workspace FILE --workspace ID`: an archive back into a workspace."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Workspace
from generation.archives.reading import read_archive
from generation.errors import NotAnArchive


class Command(BaseCommand):
    help = "Read an archive of export_workspace. Clips without our valid signature are left out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--workspace", type=int, required=True, metavar="ID")

    def handle(self, *, file: str, workspace: int, **options: Any) -> None:
        found = Workspace.objects.select_related("owner").filter(pk=workspace).first()
        if found is None:
            raise CommandError(f"There is no workspace {workspace}.")
        archive = Path(file).expanduser().absolute()
        if not archive.is_file():
            raise CommandError(f"{archive} is not a file.")
        work = Path(settings.SORA_STATE_DIR) / "work"
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="import-", dir=work) as scratch:
            try:
                report = read_archive(archive, found, by=found.owner, scratch=Path(scratch))
            except NotAnArchive as error:
                raise CommandError(f"{error.message} {error.remedy}") from error
        self.stdout.write(
            f"{report.taken_in} clips taken in, {report.already_there} already there, "
            f"{len(report.left_out)} left out."
        )
        for note in report.notes:
            self.stdout.write(note)
        for item in report.left_out:
            self.stdout.write(f"  {item['clip']}: {item['why']}")
