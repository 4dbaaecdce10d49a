"""One tar file with all a site can't make again: the database, the media, the keys.

manifest.json    version, when, and whether the media lie in it
database.dump    pg_dump's own format
secrets/ pki/    SECRET_KEY, the development authority; media/ every clip, unless in a bucket
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import connection

from sora_site.embedded.postgres import find_installation
from sora_site.embedded.state import Runtime

MANIFEST, DUMP = "manifest.json", "database.dump"
FOLDERS = ("secrets", "pki", "media")
FORMAT = 1
# Django's names for the parts of an address -> libpq's variables: arguments would show the password.
VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


class BackupError(Exception):
    """It can't be done. The message says what to do instead."""


def back_up(target: Path) -> dict[str, Any]:
    """Write the archive; it appears when it is whole, readable by its owner only. Returns the manifest.

    The site may run. The database goes first: files are stored before the row that names them, so no
    row in the dump lacks its files.
    """
    state, fresh = Path(settings.SORA_STATE_DIR), target.with_name(f".{target.name}.part")
    manifest = {
        "format": FORMAT,
        "version": settings.VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "media": settings.MEDIA_BACKEND == "local",
    }
    try:
        with (
            open(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w") as archive,
            tempfile.TemporaryDirectory(dir=target.parent) as scratch,
        ):
            _add_bytes(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
            dump = Path(scratch) / DUMP
            _tool("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}")
            archive.add(dump, DUMP)
            for name in FOLDERS:
                if (state / name).is_dir() and (name != "media" or manifest["media"]):
                    _add_folder(archive, state / name, name)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return manifest


def restore(source: Path) -> dict[str, Any]:
    """Put an archive into an empty database and state folder. Returns its manifest.

    Raises BackupError and changes nothing when something is there already, when the site runs, or when
    the archive comes from a newer version.
    """
    state = Path(settings.SORA_STATE_DIR)
    runtime = Runtime.load(state)
    if runtime is not None and runtime.command == "up":
        raise BackupError(f"The site runs (process {runtime.pid}). Stop `./sora up` first.")
    if connection.introspection.table_names():
        raise BackupError(
            "The database holds tables. Restore into an empty one: another SORA_STATE_DIR, or a new "
            "database in DATABASE_URL."
        )
    if (state / "media").is_dir() and any(path.is_file() for path in (state / "media").rglob("*")):
        raise BackupError(f"{state / 'media'} holds files. Set SORA_STATE_DIR to an empty folder.")
    try:
        with tarfile.open(source) as archive, tempfile.TemporaryDirectory(dir=state) as scratch:
            manifest = _read_manifest(archive, source)
            _extract(archive, Path(scratch))
            connection.close()
            _tool(
                *("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error"),
                *("--single-transaction", f"--dbname={connection.settings_dict['NAME']}"),
                str(Path(scratch) / DUMP),
            )
            for name in FOLDERS:
                if (Path(scratch) / name).is_dir():
                    _put(Path(scratch) / name, state / name)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{source} is damaged or no archive of ours ({error}).") from error
    return manifest


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Plain files and folders inside `folder`, nothing else. Python's own filter for this came with
    3.11.4, after what Debian 12 has."""
    for member in archive.getmembers():
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} doesn't belong into an archive of ours")
        member.mode = 0o700 if member.isdir() else 0o600
        member.uid, member.gid = os.getuid(), os.getgid()
        member.uname = member.gname = ""
        archive.extract(member, folder)


def _read_manifest(archive: tarfile.TarFile, source: Path) -> dict[str, Any]:
    try:
        file = archive.extractfile(MANIFEST)
        manifest: dict[str, Any] = json.loads(file.read() if file else b"")
        archive.getmember(DUMP)
    except (KeyError, ValueError) as error:
        raise BackupError(f"{source} is no archive made by `./sora manage backup`.") from error
    if manifest.get("format", 0) > FORMAT or _numbers(manifest["version"]) > _numbers(
        settings.VERSION
    ):
        raise BackupError(
            f"{source} was made by version {manifest['version']}; this is {settings.VERSION}. "
            "Restore it with that version or a newer one."
        )
    return manifest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _add_folder(archive: tarfile.TarFile, folder: Path, name: str) -> None:
    """Files may go while we read (a clip is taken down): those are left out."""
    for path in sorted(folder.rglob("*")):
        try:
            archive.add(path, f"{name}/{path.relative_to(folder)}", recursive=False)
        except FileNotFoundError:
            continue


def _put(source: Path, target: Path) -> None:
    """Move the files below `source` to the same places below `target`, which stays closed to others."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
        else:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(path, place)


def _tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs against our database; its own words on failure."""
    installation = find_installation()
    program = installation.bin / name if installation else None
    found = str(program) if program and program.exists() else shutil.which(name)
    if not found:
        raise BackupError(
            f"`{name}` was not found. Set SORA_PG_BIN, or install PostgreSQL's client."
        )
    parameters = connection.get_connection_params()
    environment = {
        variable: str(parameters[part])
        for part, variable in VARIABLES.items()
        if parameters.get(part)
    }
    done = subprocess.run(
        [found, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{name} failed: {done.stderr.strip()[-500:]}")
