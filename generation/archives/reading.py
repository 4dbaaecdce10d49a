"""Read an archive back into a workspace. Everything in it is doubted.

The archive as a whole has to carry our seal; then each clip has to match its sums, carry our own
valid signature, and pass today's rules once more. What fails is left out and named. Nothing of the
zip is ever written under a name that stands in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from accounts import audit
from accounts.models import Membership, User, Workspace
from generation import chores, hooks, library, signing
from generation.archives import format as form
from generation.chores import Lease
from generation.errors import FolderNameTaken, InvalidRequest, NotAnArchive
from generation.models import (
    Chore,
    Draft,
    Favourite,
    Fingerprint,
    Folder,
    FolderEntry,
    Generation,
    SafetyCheck,
    Source,
    Upload,
    Video,
)
from generation.provenance.fingerprint import bands
from generation.screening import gate
from generation.vision import known_hashes
from moderation.screening.gate import InvalidPrompt, clean_prompt
from sora_site.lib import storage

OnStep = Callable[[int, int], None]
MOST_NOTES = 50


class LeftOut(Exception):
    """This clip is not taken in; the text says why."""


def run_import(chore: Chore, lease: Lease) -> None:
    """The worker's door: read the archive that was uploaded, then delete it."""
    key = chore.request["key"]
    archive = storage.fetch(key, lease.folder / "archive.zip", "quarantine")
    report = read_archive(
        archive,
        chore.workspace,
        by=chore.requested_by,
        scratch=lease.folder,
        on_step=lease.step,
    )
    chores.finish(lease, None, report=report.to_json())
    storage.delete_quarantine(key)


def read_archive(
    archive: Path,
    workspace: Workspace,
    *,
    by: User,
    scratch: Path,
    on_step: OnStep = lambda done, total: None,
) -> form.Report:
    """Take the clips of an archive into `workspace`, private. Reading it again adds nothing.

    `by` becomes the creator of clips whose maker is no member here. Raises NotAnArchive.
    """
    with _opened(archive) as bundle:
        reader = _Reader(bundle, archive.stat().st_size, scratch)
        reader.check_seal()
        import_ = _Import(reader, workspace, by)
        import_.take_library()
        clips = reader.clips()
        for number, clip in enumerate(clips):
            on_step(number, len(clips))
            import_.take_clip(clip)
        import_.link()
        on_step(len(clips), len(clips))
    report = import_.report()
    audit.record(
        audit.WORKSPACE_IMPORTED,
        workspace=workspace,
        actor=by,
        target=workspace,
        clips=report.taken_in,
        left_out=len(report.left_out),
    )
    return report


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise NotAnArchive("The file is no zip, or its end is missing.") from error


class _Reader:
    """The zip, its names checked and its bytes bounded and summed."""

    def __init__(self, bundle: zipfile.ZipFile, archive_bytes: int, scratch: Path) -> None:
        self.bundle, self.scratch = bundle, scratch
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for entry in bundle.infolist():
            self._check_entry(entry)
            self.entries[entry.filename] = entry
        # Clips are stored as they are, so an honest archive hardly grows.
        if sum(entry.file_size for entry in self.entries.values()) > 3 * archive_bytes + 2**26:
            raise NotAnArchive("It would unpack to far more than its size.")
        self.sums: dict[str, str] = {}

    def _check_entry(self, entry: zipfile.ZipInfo) -> None:
        found = form.NAME.fullmatch(entry.filename)
        if found is None or entry.filename in self.entries:
            raise NotAnArchive(f"It holds a file that no export writes: {entry.filename[:100]!r}.")
        kept = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if entry.flag_bits & 1 or not kept:
            raise NotAnArchive("It is encrypted, or packed in a way that no export uses.")
        if entry.file_size > form.MOST_BYTES[found[2] or entry.filename]:
            raise NotAnArchive(f"{entry.filename} is larger than what an export writes.")
        if len(self.entries) > 4 * form.MOST_CLIPS + 4:
            raise NotAnArchive("It holds more files than an export writes.")

    def clips(self) -> list[str]:
        """The ids, in the order of the archive."""
        seen = dict.fromkeys(name.split("/")[1] for name in self.entries if "/" in name)
        return list(seen)

    def check_seal(self) -> None:
        """The sums are the ones the signed cover names, and they cover every file."""
        for name in (form.SUMS, form.COVER, form.LIBRARY):
            if name not in self.entries:
                raise NotAnArchive(f"{name} is missing.")
        try:
            listed = self._bytes(form.SUMS)
            cover = self._unpack(form.COVER, self.scratch / "cover.jpg")[0]
        except LeftOut as reason:
            raise NotAnArchive(f"{reason}.") from reason
        report = signing.read(cover)
        named = str(report.claims.get("job") or "")
        if not signing.is_ours(report) or named != form.SEAL + hashlib.sha256(listed).hexdigest():
            raise NotAnArchive("Its seal is missing, broken or another site's.")
        for line in listed.decode(errors="replace").splitlines():
            found = form.SUM_LINE.fullmatch(line)
            if found is None:
                raise NotAnArchive("Its list of sums can't be read.")
            self.sums[found[2]] = found[1]
        if set(self.sums) != set(self.entries) - {form.SUMS, form.COVER}:
            raise NotAnArchive("Files were added to it or taken out.")

    def json(self, name: str) -> Any:
        """Raises LeftOut."""
        content = self._bytes(name)
        if hashlib.sha256(content).hexdigest() != self.sums[name]:
            raise LeftOut(f"{name} was changed or damaged")
        return json.loads(content)

    def file(self, name: str) -> Path:
        """Unpack to a name of ours. Raises LeftOut."""
        if name not in self.entries:
            raise LeftOut(f"{name} is missing")
        path, found = self._unpack(name, self.scratch / name.rsplit("/", 1)[1])
        if found != self.sums[name]:
            raise LeftOut(f"{name} was changed or damaged")
        return path

    def _bytes(self, name: str) -> bytes:
        if name not in self.entries:
            raise LeftOut(f"{name} is missing")
        path, _ = self._unpack(name, self.scratch / "record")
        return path.read_bytes()

    def _unpack(self, name: str, target: Path) -> tuple[Path, str]:
        """Copy out in pieces, never more than announced; (path, SHA-256)."""
        entry, digest, left = self.entries[name], hashlib.sha256(), self.entries[name].file_size
        try:
            with self.bundle.open(entry) as source, target.open("wb") as copy:
                while piece := source.read(min(storage.CHUNK_BYTES, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise LeftOut(f"{name} is larger than it says")
                    digest.update(piece)
                    copy.write(piece)
        except (
            zipfile.BadZipFile,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            if name in (form.SUMS, form.COVER):
                raise NotAnArchive(f"{name} is damaged.") from error
            raise LeftOut(f"{name} is damaged") from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise LeftOut(f"{name} is damaged") from error
            raise
        return target, digest.hexdigest()


@dataclass
class _Import:
    """One reading: what was taken in so far, and what was not."""

    reader: _Reader
    workspace: Workspace
    by: User
    same_site: bool = False
    taken: dict[str, Video] = field(default_factory=dict)  # by the id in the archive
    parents: dict[str, list[str]] = field(default_factory=dict)
    sources: dict[str, list[list[str]]] = field(default_factory=dict)
    already: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take_library(self) -> None:
        """Folders, presets, drafts: those that are not there yet."""
        try:
            found = self.reader.json(form.LIBRARY)
            if found["format"] != form.FORMAT:
                raise NotAnArchive(
                    f"It is of format {found['format']!r}; this site reads {form.FORMAT}."
                )
            self.same_site = found["site"] == settings.PUBLIC_URL
            folders, presets, drafts = found["folders"], found["presets"], found["drafts"]
            for name in folders:
                if self._folder(name) is None:
                    library.create_folder(self.workspace, name, by=self.by)
            for preset in presets:
                self._take_preset(preset["name"], preset["text"])
            for draft in drafts:
                self._take_draft(draft)
        except (LeftOut, KeyError, TypeError, ValueError, AttributeError) as error:
            raise NotAnArchive(f"{form.LIBRARY} can't be read.") from error
        except (InvalidRequest, FolderNameTaken) as refusal:
            self.note(f"Not every folder and preset: {refusal.message}")
        if not self.same_site:
            self.note("From another site: the clips are yours now, and likes stayed there.")

    def _folder(self, name: str) -> Folder | None:
        return self.workspace.folders.filter(name__iexact=name).first()

    def _take_preset(self, name: str, text: str) -> None:
        if not self.workspace.style_presets.filter(name__iexact=name).exists():
            library.save_preset(self.workspace, name=name, text=text, by=self.by)

    def _take_draft(self, draft: dict[str, Any]) -> None:
        created = _moment(draft["created_at"])
        if Draft.objects.filter(workspace=self.workspace, created_at=created).exists():
            return
        Draft.objects.create(
            workspace=self.workspace,
            created_by=self.by,
            title=str(draft["title"])[:80],
            plan=draft["plan"],
            created_at=created,
            updated_at=_moment(draft["updated_at"]),
        )

    def take_clip(self, clip: str) -> None:
        """Check one clip and take it in, or note why not."""
        known = self._known(clip)
        if known is not None:
            self.already += 1
            self.taken[clip] = known
            return
        try:
            record = self.reader.json(f"clips/{clip}/{form.RECORD}")
            files = {
                name: self.reader.file(f"clips/{clip}/{name}")
                for name in (form.CLIP, form.POSTER, form.MANIFEST)
            }
            self._check(clip, record, files)
            self.taken[clip] = self._store(clip, record, files)
            self.parents[clip] = [str(parent) for parent in record["parents"]]
            self.sources[clip] = record["job"]["sources"]
        except LeftOut as reason:
            self.left_out.append({"clip": clip, "why": f"{reason}."})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.left_out.append(
                {"clip": clip, "why": f"Its record can't be read: {error!r}."[:200]}
            )

    def _known(self, clip: str) -> Video | None:
        here = Video.objects.filter(workspace=self.workspace, deleted_at=None)
        return here.filter(pk=clip).first() or here.filter(origin_id=clip).first()

    def _check(self, clip: str, record: dict[str, Any], files: dict[str, Path]) -> None:
        """Raises LeftOut unless the clip is ours, unchanged, and allowed today."""
        if (
            record["id"] != clip
            or record["sha256"] != self.reader.sums[f"clips/{clip}/{form.CLIP}"]
        ):
            raise LeftOut("Its record belongs to another file")
        for name in (form.CLIP, form.POSTER):
            if not signing.is_ours(signing.read(files[name])):
                raise LeftOut(f"{name} carries no valid signature of this site")
        removed = Video.objects.filter(sha256=record["sha256"], quarantined_at__isnull=False)
        if removed.exists():
            raise LeftOut("It was removed under the rules")
        try:
            prompt = record["job"]["prompt"]  # "": clips put together without a word
            prompt = prompt and clean_prompt(
                prompt, max_chars=max(settings.SORA_MAX_PROMPT_CHARS, 20_000)
            )
        except InvalidPrompt as error:
            raise LeftOut(f"Its prompt can't be used: {error.message}") from error
        if not gate([prompt]).allowed:
            raise LeftOut("Its prompt is against today's rules")
        listed = known_hashes()
        for _, _, value in record["fingerprints"]:
            if listed.distance(bytes.fromhex(value)) is not None:
                raise LeftOut("It is on a list of known material")

    def _store(self, clip: str, record: dict[str, Any], files: dict[str, Path]) -> Video:
        """Files first, then the rows that point to them."""
        free = not Video.objects.filter(pk=clip).exists()
        video_id = UUID(clip) if free else uuid4()
        at = f"{self.workspace.pk}/{video_id}"
        manifest = files[form.MANIFEST].read_bytes()
        size = files[form.CLIP].stat().st_size
        for name in (form.CLIP, form.POSTER):
            storage.store_private(files[name], f"{at}/{name}")
        try:
            with transaction.atomic():
                video = Video.objects.create(
                    id=video_id,
                    origin_id=None if free else clip,
                    workspace=self.workspace,
                    creator=self._person(record["creator"]["id"]),
                    generation=self._job(clip, record),
                    remixable=bool(record["remixable"]),
                    media_key=f"{at}/{form.CLIP}",
                    poster_key=f"{at}/{form.POSTER}",
                    width=int(record["width"]),
                    height=int(record["height"]),
                    frames=int(record["frames"]),
                    fps=int(record["fps"]),
                    bytes=size,
                    sha256=record["sha256"],
                    manifest=manifest,
                    credentials=record["credentials"],
                    created_at=_moment(record["created_at"]),
                )
                self._marks(video, record)
                audit.record(
                    audit.VIDEO_IMPORTED,
                    workspace=self.workspace,
                    actor=self.by,
                    target=video,
                    archive=clip,
                )
        except BaseException:
            for name in (form.CLIP, form.POSTER):
                storage.delete_private(f"{at}/{name}")
            raise
        return video

    def _job(self, clip: str, record: dict[str, Any]) -> Generation:
        job = record["job"]
        made = Generation.objects.create(
            workspace=self.workspace,
            requested_by=self._person(record["creator"]["id"]),
            request_key=f"import:{clip}:{uuid4().hex[:8]}",
            status=Generation.Status.SUCCEEDED,
            cost_credits=0,
            prompt=job["prompt"],
            rewritten_prompt=job["rewritten_prompt"],
            prompt_edits=job["prompt_edits"],
            understood=job["understood"],
            unknown_words=job["unknown_words"],
            seconds=int(job["seconds"]),
            width=int(job["width"]),
            height=int(job["height"]),
            seed=int(job["seed"]),
            steps=int(job["steps"]),
            tool=str(job["tool"])[:12],
            plan=job["plan"],
            batch=UUID(job["batch"]) if job["batch"] else None,
            variation=int(job["variation"]),
            engine=str(job["engine"])[:80],
            created_at=_moment(job["created_at"]),
            started_at=_moment(job["started_at"]) if job["started_at"] else None,
            finished_at=_moment(job["finished_at"]),
        )
        SafetyCheck.objects.bulk_create(
            SafetyCheck(
                workspace=self.workspace,
                generation=made,
                stage=check["stage"],
                attempt=int(check["attempt"]),
                action=check["action"],
                profile=check["profile"],
                policy_version=check["policy_version"],
                verdict=check["verdict"],
                final=check["action"] != "refuse",  # what refused it was said elsewhere
                created_at=_moment(check["created_at"]),
            )
            for check in record["checks"]
        )
        return made

    def _marks(self, video: Video, record: dict[str, Any]) -> None:
        hashes = [
            (int(at), int(variant), bytes.fromhex(h)) for at, variant, h in record["fingerprints"]
        ]
        Fingerprint.objects.bulk_create(
            Fingerprint(
                workspace=self.workspace,
                video=video,
                at_ms=at,
                variant=variant,
                hash=value,
                bands=bands(value),
            )
            for at, variant, value in hashes
        )
        if record["folder"] and (folder := self._folder(record["folder"])) is not None:
            FolderEntry.objects.create(workspace=self.workspace, folder=folder, video=video)
        people = {self._person(person).pk for person in record["favourite_of"]}
        Favourite.objects.bulk_create(
            Favourite(workspace=self.workspace, user_id=person, video=video) for person in people
        )
        if self.same_site:
            for store in hooks.likes:
                store.put_back(video, [int(person) for person in record["likes"]])

    def _person(self, number: Any) -> User:
        """The member the archive means, else who imports. Another site's numbers mean nobody here."""
        if not self.same_site:
            return self.by
        membership = (
            Membership.objects.filter(workspace=self.workspace, user_id=int(number))
            .select_related("user")
            .first()
        )
        return membership.user if membership else self.by

    def link(self) -> None:
        """Lineage, once all clips are there: to clips of the archive, else to those of this site."""
        for clip, parents in self.parents.items():
            child = self.taken[clip]
            child.parents.add(*filter(None, map(self._find, parents)))
            rows = []
            for reference, relationship in self.sources[clip]:
                kind, _, name = str(reference).partition(":")
                video = self._find(name) if kind == "video" else None
                upload = self._upload(name) if kind == "upload" else None
                if video or upload:
                    rows.append(
                        Source(
                            workspace=self.workspace,
                            generation_id=child.generation_id,
                            video=video,
                            upload=upload,
                            relationship=str(relationship)[:12],
                        )
                    )
            Source.objects.bulk_create(rows, ignore_conflicts=True)

    def _find(self, clip: str) -> Video | None:
        if clip in self.taken:
            return self.taken[clip]
        if not re.fullmatch(form.ID, clip):
            return None
        return self._known(clip) or (
            Video.objects.filter(pk=clip).first() if self.same_site else None
        )

    def _upload(self, upload: str) -> Upload | None:
        if not re.fullmatch(form.ID, upload):
            return None
        return Upload.objects.filter(workspace=self.workspace, pk=upload).first()

    def note(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def report(self) -> form.Report:
        new = len(self.taken) - self.already
        return form.Report(new, self.already, self.left_out, self.notes)


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r} is no moment")
    return moment
