"""The worker's check of one upload: read it apart, compare it, review it, keep our own form of it.

A leased job as clips and chores are: a claim raises the epoch, every write asks for it, a silent
worker's upload is checked by another one, at most SORA_MAX_ATTEMPTS times. Whatever fails closes:
the upload is refused with a reason, and nobody has seen it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray

from accounts import audit
from accounts.models import Workspace
from generation import hooks, incidents, likeness, matching, receipts, signing, vision
from generation.attempt import LeaseLost, stop_asked
from generation.errors import UPLOAD_REASONS
from generation.inspection import hashes_of
from generation.leases import RowLease
from generation.media import DecodeLimits
from generation.models import Upload, UploadFingerprint, Video
from generation.provenance.fingerprint import FrameHash, bands
from generation.reading import reader
from generation.uploads import services as uploads
from generation.uploads.screening import UploadWatch
from generation.vision import known_hashes
from moderation.screening import child_safety
from moderation.screening.known_hashes import PROVIDER, Match
from moderation.screening.protocol import Category, Score, ScreeningUnavailable, Verdict
from sora_site.lib import failpoints, storage

logger = logging.getLogger(__name__)

Status = Upload.Status
LOOK_SIDE = 640  # of the frames the review sees
IMAGE_PIXELS = 7680 * 4320
VIDEO_PIXELS = 3840 * 2160
MOST_FRAMES_PER_SECOND = 120
SAME_PICTURE = 20  # bits of 256: a copy that was encoded again differs by 6 to 14
REVIEW = "child_safety_review"  # policies: a person has to look at it
_busy = threading.Lock()  # one check at a time in one process


class NotSealed(Exception):
    """What may show the abuse of a child could not be sealed. It stays where it is until it is."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("not sealed")
        self.verdict = verdict


class Refused(Exception):
    """The upload can't be used. `code` is of UPLOAD_REASONS or of the rules; `verdict` when a rule
    decided, and then what came is kept as evidence."""

    def __init__(self, code: str, verdict: Verdict | None = None) -> None:
        super().__init__(code)
        self.code, self.verdict = code, verdict


@dataclass(frozen=True)
class Found:
    """What the confined process answered."""

    kind: str
    width: int
    height: int
    frames: int
    fps: float | None
    had_audio: bool
    drawn: bool
    notes: list[str]
    stored: list[FrameHash]
    queries: list[FrameHash]
    credentials: dict[str, Any]
    kept: dict[str, str]

    @property
    def name(self) -> str:
        return "media.png" if self.kind == Upload.Kind.IMAGE else "media.mp4"


class Lease(RowLease):
    """One worker's hold on one upload."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(f"upload-{upload.pk}.{upload.epoch}")
        self.upload = upload

    def renew(self) -> bool:
        return bool(mine(self.upload).update(lease_expires_at=_lease_end()))

    def stage(self, name: str) -> None:
        """Called between two steps. Raises LeaseLost when it is not ours to go on."""
        if self.is_over or not mine(self.upload).exists():
            raise LeaseLost()
        failpoints.reach(f"upload_{name}")


def mine(upload: Upload) -> QuerySet[Upload]:
    """The row, as long as this attempt holds it. Every write of a check goes through here."""
    return Upload.objects.filter(pk=upload.pk, epoch=upload.epoch, status=Status.CHECKING)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)


# --- The queue -----------------------------------------------------------------------------------


def claim() -> Upload | None:
    """Take the upload that waits longest; None when none does. Two workers never get the same."""
    with transaction.atomic():
        waiting = Upload.objects.filter(status=Status.WAITING).order_by("created_at", "id")
        upload = waiting.select_for_update(skip_locked=True).first()
        if upload is None:
            return None
        Upload.objects.filter(pk=upload.pk).update(
            status=Status.CHECKING,
            epoch=F("epoch") + 1,
            attempts=F("attempts") + 1,
            lease_expires_at=_lease_end(),
        )
    return Upload.objects.select_related("workspace", "uploaded_by").get(pk=upload.pk)


def sweep() -> int:
    """Put back what a silent worker left; refuse what failed too often. Returns how many moved."""
    moved = 0
    for upload in Upload.objects.abandoned().select_related("workspace")[:100]:
        if upload.attempts >= settings.SORA_MAX_ATTEMPTS:
            moved += refuse(upload, "worker_lost")
        else:
            moved += put_back(upload)
    if moved:
        logger.warning("swept abandoned checks of uploads", extra={"moved": moved})
    return moved


def put_back(upload: Upload, *, tried: bool = True) -> bool:
    """Let another worker try. `tried=False`: this attempt doesn't count, the file is not to blame."""
    attempts = upload.attempts if tried else max(0, upload.attempts - 1)
    return bool(
        mine(upload).update(status=Status.WAITING, lease_expires_at=None, attempts=attempts)
    )


def drain() -> int:
    """Check uploads until none waits. Returns how many; 0 at once when one is being checked here."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not stop_asked.is_set() and (upload := claim()) is not None:
            run(upload)
            done += 1
    except (OperationalError, InterfaceError):
        logger.warning("the database is away; the keeper looks again", exc_info=True)
        connection.close()
    finally:
        _busy.release()
        close_old_connections()
    return done


def start_if_due() -> None:
    """The keeper's look: sweep, and a thread for what waits unless one is at it."""
    sweep()
    if not _busy.locked() and Upload.objects.filter(status=Status.WAITING).exists():
        threading.Thread(target=drain, name="uploads", daemon=True).start()


def run(upload: Upload) -> None:
    """Take one claimed upload to its end. Raises nothing."""
    try:
        with Lease(upload) as lease:
            check(upload, lease)
    except LeaseLost:
        logger.warning("upload taken over, removed or put back; its late work was dropped")
        if stop_asked.is_set():
            put_back(upload, tried=False)
    except Refused as refusal:
        refuse(upload, refusal.code, refusal.verdict)
    except NotSealed as error:
        logger.critical("an upload could not be sealed", exc_info=True)
        if upload.attempts < settings.SORA_MAX_ATTEMPTS:
            put_back(upload)
        else:  # with its verdict it stays in quarantine, as evidence
            refuse(upload, REVIEW, error.verdict)
    except reader.Unreadable as error:
        refuse(upload, _reason_of(error))
    except ScreeningUnavailable:
        logger.exception("an upload could not be screened")
        refuse(upload, "screening_unavailable")
    except (OperationalError, InterfaceError):
        logger.warning("the database went away; the upload is not to blame", exc_info=True)
        connection.close()
        with suppress(OperationalError, InterfaceError):  # still away: the sweeper finds it
            put_back(upload)
    except OSError:
        logger.exception("an upload could not be stored")
        refuse(upload, "storage_failed")
    except Exception:
        logger.exception("checking an upload failed")
        refuse(upload, "internal_error")


def _reason_of(error: reader.Unreadable) -> str:
    if error.code in ("disk_full", "encoder_failed", "bad_frame"):  # our own writing failed
        return "storage_failed"
    return error.code if error.code in UPLOAD_REASONS else "unreadable"


# --- The check -----------------------------------------------------------------------------------


def check(upload: Upload, lease: Lease) -> None:
    """The way of one upload. Returns when it is ready; raises what stopped it."""
    # 1. The whole file, exactly as it was announced.
    lease.stage("join")
    path = lease.folder / "file"
    try:
        uploads.join_pieces(upload, path)
    except FileNotFoundError:
        raise Refused("damaged_in_transit") from None
    if path.stat().st_size != upload.size_bytes:
        raise Refused("damaged_in_transit")
    upload.sha256 = storage.sha256_of(path)

    # 2. A confined process reads it and writes our own form. This one never parses it.
    lease.stage("read")
    same = Video.objects.filter(sha256=upload.sha256).order_by("-quarantined_at").first()
    drawn_only = settings.SORA_UPLOADS != "photos"
    try:
        found = read(upload, path, lease.folder, drawn_only=drawn_only, known=same is not None)
    except reader.Unreadable as error:
        if error.code == "photograph" and _match(hashes_of(error.queries)) is not None:
            raise Refused("our_clip_altered") from error
        raise

    # 3. Where is it from? Ours again, something that was removed, somebody's who said no?
    lease.stage("compare")
    origin = same or _signed_clip(found.credentials)
    if matching.is_removed(found.queries):
        raise Refused("removed_clip", _matched(Category.KNOWN_CONTENT, "removed here"))
    if drawn_only and origin is None and not found.drawn:
        raise Refused("photograph")
    source = origin or _match(found.queries)
    if source is not None:
        _may_use(upload, source)

    # 4. What does it show? Stricter than a prompt, and fails closed.
    lease.stage("review")
    cleared = "cleared_by_case" in upload.verdict  # a person looked: no child-safety concern
    photograph = not (found.drawn or origin is not None)
    grant = (
        likeness.may_bring(upload.uploaded_by, upload.workspace, found.kind) if photograph else None
    )
    verdict, seen = review(
        found, lease, trusted=origin is not None, cleared=cleared, consent=grant is not None
    )
    vision.note_matches(upload.workspace, f"upload:{upload.pk}", verdict)
    finding = child_safety.judge(seen)
    if finding == "child":
        raise Refused("child")
    if finding != "allow":
        surrender(upload, finding, path, found, verdict, lease)
        return
    if verdict.action in ("hold", "refuse"):  # uploads wait for nobody: what is doubtful stays out
        raise Refused(_reason(verdict), verdict)

    # 5. Files first, then the row that points to them.
    lease.stage("store")
    upload.uploaded_by.refresh_from_db()
    if upload.uploaded_by.is_suspended:
        raise Refused("account_suspended")
    person = seen.person >= likeness.PERSON_POINT
    deliver(upload, found, verdict, lease, source, grant if person else None)


def read(upload: Upload, path: Path, folder: Path, *, drawn_only: bool, known: bool) -> Found:
    """Raises reader.Unreadable."""
    seconds = float(settings.SORA_MAX_UPLOAD_SECONDS)
    frames = settings.SORA_MAX_UPLOAD_SECONDS * MOST_FRAMES_PER_SECOND
    image = DecodeLimits(bytes=settings.SORA_MAX_UPLOAD_IMAGE_BYTES, pixels=IMAGE_PIXELS)
    video = DecodeLimits(
        bytes=settings.SORA_MAX_UPLOAD_VIDEO_BYTES,
        seconds=seconds,
        pixels=VIDEO_PIXELS,
        frames=frames,
        wall_seconds=reader.START_SECONDS + seconds * reader.SECONDS_PER_SECOND,
    )
    answer = reader.ask(
        "normalise",
        path,
        folder=folder,
        seconds=seconds,
        trust_anchors=signing.trust_anchors(),
        own_names=sorted(signing.own_names()),
        title=f"Upload {str(upload.pk)[:8]}",
        known=known,
        drawn_only=drawn_only,
        image_limits=asdict(image),
        video_limits=asdict(video),
    )
    made = answer["media"]
    made |= {name: hashes_of(made[name]) for name in ("stored", "queries")}
    return Found(**made, credentials=answer["c2pa"], kept=answer["kept"])


def review(
    found: Found, lease: Lease, *, trusted: bool, cleared: bool = False, consent: bool = False
) -> tuple[Verdict, child_safety.Seen]:
    """The upload profile over the frames of our own form, and the known hashes turned every way.

    `cleared`: a person decided that there is no child-safety concern, so that lists of known
    material and a classifier's suspicion are not asked again. `consent`: see UploadWatch. Raises
    ScreeningUnavailable.
    """
    drawn = trusted or found.drawn
    listed = [] if cleared else _listed(found)
    if listed:
        sources = [match.provider for match in listed]
        source = PROVIDER if PROVIDER in sources else sources[0]
        seen = child_safety.Seen(known=source == PROVIDER, drawn=drawn)
        return _matched(Category.KNOWN_CONTENT, source, listed), seen
    watch = UploadWatch(photographs=not drawn, cleared=cleared, consent=consent)
    for index, seconds, picture in _pictures(found, lease):
        watch.review.add(index, seconds, picture)
    verdict = watch.decision()
    return verdict, child_safety.Seen(
        known=incidents.is_known(verdict),
        abuse=_highest(verdict, Category.SEXUAL_MINORS),
        child=float(verdict.details.get("child", 0.0)),
        sexual=_highest(verdict, Category.SEXUAL),
        person=watch.people,
        drawn=drawn,
    )


def _listed(found: Found) -> list[Match]:
    """Which entries of hash lists a picture of it matches, turned every way."""
    known = known_hashes()
    return [
        match
        for item in found.queries
        for match in known.matches(item.hash)
        if match.video < 0 and not match.quarantined
    ]


def _highest(verdict: Verdict, category: Category) -> float:
    return max((s.value for s in verdict.scores if s.category == category), default=0.0)


def _pictures(found: Found, lease: Lease) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
    """(index, seconds, frame) of our own form, small, decoded in a confined process."""
    scale = min(1.0, LOOK_SIDE / max(found.width, found.height))
    fps = found.fps or 1.0
    pictures = reader.stream(
        lease.folder / found.name,
        start=0.0,
        end=None,
        fps=fps,
        width=max(16, round(found.width * scale)),
        height=max(16, round(found.height * scale)),
        fit="crop",
        limits=uploads.OUR_LIMITS,
    )
    for index, picture in enumerate(pictures):
        yield index, index / fps, picture


def _matched(category: Category, source: str, listed: Sequence[Match] = ()) -> Verdict:
    matches = {m.entry: {"bank": m.bank, "entry": m.entry, "distance": m.distance} for m in listed}
    return Verdict(
        action="refuse",
        profile="upload",
        categories=(category.value,),
        scores=(Score(category, 1.0, source),),
        reasons=(category.value,),
        evaluated=("known_hashes",),
        details={"source": source, "hash_matches": [matches[key] for key in matches if key]},
    )


def _reason(verdict: Verdict) -> str:
    reason = verdict.reasons[0] if verdict.reasons else "policy"
    return "flat_colour" if reason == Category.BROKEN_OUTPUT else reason


def _signed_clip(report: dict[str, Any]) -> Video | None:
    """The clip whose unaltered file this is, by the credentials this site signed."""
    if not report["ours"]:
        return None
    job = str(report["claims"].get("job") or "")
    with suppress(ValueError, TypeError):
        return Video.objects.filter(generation_id=job).first()
    return None


def _match(queries: Sequence[FrameHash]) -> Video | None:
    """The clip that these pictures show. Plain drawings of one subject resemble each other, so only
    what is closer than lists of known pictures ask for counts."""
    found = matching.find_clips(queries, viewer=None)
    if not found or found[0]["distance"] > SAME_PICTURE:
        return None
    return Video.objects.filter(pk=found[0]["id"]).first()


def _may_use(upload: Upload, video: Video) -> None:
    """Bringing a clip back as a file opens no door that is closed in the library."""
    if video.quarantined_at is not None:
        raise Refused("removed_clip", _matched(Category.KNOWN_CONTENT, "removed here"))
    own = Workspace.objects.visible_to(upload.uploaded_by).filter(pk=video.workspace_id).exists()
    open_to_all = video.shared_at is not None and video.remixable and video.deleted_at is None
    if not own and not open_to_all:
        raise Refused("not_remixable")


# --- Its ends ------------------------------------------------------------------------------------


def surrender(
    upload: Upload,
    finding: Literal["known", "suspected"],
    path: Path,
    found: Found,
    verdict: Verdict,
    lease: Lease,
) -> None:
    """Hand what may show the abuse of a child to those who may look, in the transaction that refuses it.

    Its pieces are deleted after that: the only copy lies sealed. Raises LeaseLost, NotSealed; then
    nothing has changed.
    """
    lease.stage("seal")
    # What a person has to decide is held; what matches confirmed material is refused as that.
    code = REVIEW if finding == "suspected" else _reason(verdict)
    stills = incidents.spread((seconds, frame) for _, seconds, frame in _pictures(found, lease))
    kind = uploads.file_type_of(path)
    with transaction.atomic():
        if not _end_refused(upload, code, verdict):
            raise LeaseLost()
        try:
            incidents.hand_over(
                incidents.Incident(
                    kind=finding,
                    stage="upload",
                    workspace=upload.workspace,
                    person=upload.uploaded_by,
                    verdict=verdict,
                    upload=upload,
                    file=path,
                    media_type=kind,
                    stills=stills,
                )
            )
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            raise NotSealed(verdict) from error
        _keep_fingerprints(upload, found)
        transaction.on_commit(lambda: uploads.delete_received(upload))
        receipts.for_upload(upload, code, verdict)


def deliver(
    upload: Upload,
    found: Found,
    verdict: Verdict,
    lease: Lease,
    source: Video | None,
    grant: UUID | None = None,
) -> None:
    """Make the upload usable. grant: of the likeness pilot, when it shows a real person.

    Raises LeaseLost when another worker has it; then nothing is left.
    """
    folder = f"{uploads.folder_of(upload)}/{upload.epoch}"
    media_key, poster_key = f"{folder}/{found.name}", f"{folder}/poster.webp"
    storage.store_private(lease.folder / found.name, media_key)
    storage.store_private(lease.folder / "poster.webp", poster_key)
    details: dict[str, Any] = {"drawn": found.drawn, "notes": found.notes}
    if source is not None:
        details["clip"] = str(source.pk)
    if grant is not None:
        details["person"] = True
    with transaction.atomic():
        won = mine(upload).update(
            status=Status.READY,
            kind=found.kind,
            reason_code="",
            sha256=upload.sha256,
            width=found.width,
            height=found.height,
            frames=found.frames,
            fps=found.fps,
            had_audio=found.had_audio,
            media_key=media_key,
            poster_key=poster_key,
            manifest=json.dumps(found.kept).encode() if found.kept else b"",
            credentials=found.credentials,
            verdict={**verdict.to_json(), "upload": details},
            lease_expires_at=None,
            checked_at=Now(),
        )
        if won:
            _keep_fingerprints(upload, found)
            if grant is not None:
                for pilot in hooks.pilots:
                    pilot.took(upload, grant)
            audit.record(
                audit.UPLOAD_READY, workspace=upload.workspace, target=upload, kind=found.kind
            )
            transaction.on_commit(lambda: uploads.delete_received(upload))
    if not won:
        storage.delete_private(media_key)
        storage.delete_private(poster_key)
        raise LeaseLost()


def _keep_fingerprints(upload: Upload, found: Found) -> None:
    UploadFingerprint.objects.bulk_create(
        UploadFingerprint(
            workspace=upload.workspace,
            upload=upload,
            at_ms=item.at_ms,
            variant=item.variant,
            hash=item.hash,
            bands=bands(item.hash),
        )
        for item in found.stored
    )


def refuse(upload: Upload, code: str, verdict: Verdict | None = None) -> bool:
    """End a check without a result. False: another worker has it; then nothing changed.

    What a rule refused is kept in quarantine, where nobody gets a link; everything else is deleted.
    """
    with transaction.atomic():
        if not _end_refused(upload, code, verdict):
            return False
        if verdict is None:
            transaction.on_commit(lambda: uploads.delete_received(upload))
        receipts.for_upload(upload, code, verdict)
    return True


def _end_refused(upload: Upload, code: str, verdict: Verdict | None) -> bool:
    won = mine(upload).update(
        status=Status.REFUSED,
        reason_code=code,
        sha256=upload.sha256,
        verdict=verdict.to_json() if verdict else {},
        lease_expires_at=None,
        checked_at=Now(),
    )
    if won:
        audit.record(
            audit.UPLOAD_REFUSED,
            workspace=upload.workspace,
            target=upload,
            reason=code,
            attempt=upload.attempts,
        )
    return bool(won)
