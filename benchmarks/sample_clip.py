"""A delivered, public clip to begin a filled table with: what the benchmarks of lists multiply by SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models import User, Workspace
    from generation.models import Video


def delivered_clip(creator: User, workspace: Workspace, **fields: Any) -> Video:
    """One finished job and its shared clip. fields: of the clip, beside the usual ones."""
    from generation.models import Generation, Video

    job = Generation.objects.create(
        workspace=workspace,
        requested_by=creator,
        request_key="0",
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
    return Video.objects.create(
        workspace=workspace,
        creator=creator,
        generation=job,
        media_key="1/1/clip.mp4",
        poster_key="1/1/poster.webp",
        width=512,
        height=288,
        frames=48,
        fps=12,
        bytes=100_000,
        sha256="0" * 64,
        shared_at=timezone.now(),
        **fields,
    )
