"""The pixels an edit is made from, read from storage for a worker; and its sources for the manifest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from generation import media
from generation.clean import clean_planes
from generation.editing.plan import Fit, MediaRef
from generation.edits import find_sources
from generation.engine.frames import fit as cropped
from generation.engine.protocol import Frames
from generation.errors import SourceGone
from generation.models import Generation, Upload, Video
from generation.provenance.c2pa import Parent, Relationship
from generation.uploads import services as uploads
from moderation.screening.child_safety import CHILD_POINT
from sora_site.lib import storage

UPLOAD_SIDE = 448  # pixels; see StoredMedia.pictures_of_uploads


def sources_of(generation: Generation) -> dict[MediaRef, Video | Upload]:
    """What the job's plan refers to, looked up now. Raises SourceGone when something was taken down,
    thrown away or closed to who asked since then: the rule is the one of the request."""
    refs = [
        MediaRef("video", source.video_id)
        if source.video_id
        else MediaRef("upload", source.upload_id)  # type: ignore[arg-type]  # one of both is set
        for source in generation.sources.all()
    ]
    usable = find_sources(generation.requested_by, refs)
    found: dict[MediaRef, Video | Upload] = {**usable.videos, **usable.uploads}
    if found.keys() != set(refs):
        raise SourceGone()
    return found


def is_guarded(source: Video | Upload) -> bool:
    """Whether screening let it pass for private use only; what is made from it stays private too."""
    if isinstance(source, Upload):
        return source.verdict.get("action") in ("guard", "hold")
    return source.is_kept_private


def refers_to_minor(source: Video | Upload) -> bool:
    """Whether a check found somebody under 18 in it: what is made from it is judged as strictly."""
    if isinstance(source, Upload):
        details = source.verdict.get("details", {})
        return bool(details.get("minor_reference")) or details.get("child", 0.0) >= CHILD_POINT
    return source.generation.safety_checks.filter(verdict__details__minor_reference=True).exists()


class StoredMedia:
    """editing.render.Media over our storage. Files are fetched once, into the job's work folder."""

    def __init__(self, sources: Mapping[MediaRef, Video | Upload], folder: Path) -> None:
        self.sources, self.folder = sources, folder

    def frames(
        self,
        ref: MediaRef,
        start: float,
        count: int,
        *,
        fps: int,
        width: int,
        height: int,
        fit: Fit,
    ) -> Iterator[Frames]:
        """See Media.frames."""
        given: Iterator[Frames]
        source = self.sources[ref]
        if isinstance(source, Video):
            start = min(start, (source.frames - 1) / source.fps)  # the end shows the last frame
            given = self._clip(source, start, count, fps, width, height, fit)
        else:
            if source.frames and source.fps:
                start = min(start, (source.frames - 1) / source.fps)
            given = uploads.load_frames(
                source,
                start=start,
                end=start + count / fps,
                fps=fps,
                width=width,
                height=height,
                fit="crop" if fit == "strict" else fit,  # the plan's checks compared the shapes
            )
        last: Frames | None = None
        shown = 0
        for last in itertools.islice(given, count):
            shown += 1
            yield last
        if last is None:
            raise media.MediaError("no_video", "The source holds no frame there.")
        for _ in range(count - shown):
            yield last

    def picture(self, ref: MediaRef, moment: float, *, width: int, height: int, fit: Fit) -> Frames:
        return next(iter(self.frames(ref, moment, 1, fps=24, width=width, height=height, fit=fit)))

    def pictures_of_uploads(self) -> list[list[Frames]]:
        """The first and the middle picture of each upload, small, for the review of everything together."""
        found: list[list[Frames]] = []
        for ref, source in self.sources.items():
            if isinstance(source, Upload):
                moments = (0.0,) if not source.seconds else (0.0, source.seconds / 2)
                found.append(
                    [
                        self.picture(ref, m, width=UPLOAD_SIDE, height=UPLOAD_SIDE, fit="pad")
                        for m in moments
                    ]
                )
        return found

    def _clip(
        self, video: Video, start: float, count: int, fps: int, width: int, height: int, fit: Fit
    ) -> Iterator[Frames]:
        """Frames of a clip of ours, without its visible mark."""
        wanted = [int((start + k / fps) * video.fps + 1e-3) for k in range(count)]
        at = 0
        for index, planes in enumerate(self._planes(video)):
            if at == count:
                return
            if index < wanted[at]:
                continue
            picture = fitted(media.planes_to_rgb(planes), width, height, fit)
            while at < count and wanted[at] == index:
                yield picture
                at += 1

    def _planes(self, video: Video) -> Iterator[media.Planes]:
        clip = self._file(video.media_key)
        if not video.under_key:  # made before clips kept what lies under their mark
            return media.decode_planes(clip)
        return clean_planes(clip, self._file(video.under_key), video.mark_moves)

    def _file(self, key: str) -> Path:
        """The object's own path, or a copy that is fetched once."""
        target = self.folder / "sources" / key.replace("/", "-")
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        return storage.fetch(key, target)


def fitted(frame: Frames, width: int, height: int, fit: Fit) -> Frames:
    """Crop around the middle, or shrink into black bars: uint8 [height, width, 3]."""
    have_h, have_w = frame.shape[:2]
    if fit != "pad" or have_w * height == have_h * width:
        return cropped(frame, width, height)
    scale = min(width / have_w, height / have_h)
    inner = max(1, round(have_w * scale)), max(1, round(have_h * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    small = Image.fromarray(frame).resize(inner, Image.Resampling.LANCZOS)
    canvas[top : top + inner[1], left : left + inner[0]] = np.asarray(small)
    return canvas


def ingredients(generation: Generation, folder: Path) -> list[Parent]:
    """The sources as the clip's manifest names them, with their own credentials."""
    parents = []
    for source in generation.sources.select_related("video", "upload"):
        relationship = cast(Relationship, source.relationship)
        if (video := source.video) is not None:
            path = StoredMedia({}, folder)._file(video.media_key)
            parents.append(Parent(path, relationship, f"Clip {str(video.pk)[:8]}"))
        elif (upload := source.upload) is not None:
            path = StoredMedia({}, folder)._file(upload.media_key)
            parents.append(uploads.ingredient(upload, path, relationship))
    return parents
