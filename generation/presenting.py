"""One job and one clip as the API, the websocket and the pages show them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from generation import progress, scheduling
from generation.errors import JOB_REASONS
from generation.models import Generation, Video
from generation.prompting import REVERTIBLE, WHY_NOT, key_of_edit
from moderation.policies import policy
from sora_site.lib import storage

Status = Generation.Status
HELD = "held_for_review"


def reason(generation: Generation) -> dict[str, Any] | None:
    """Why there is no clip: {code, message, remedy}; None while it runs or when there is one."""
    if not generation.reason_code:
        return None
    if generation.reason_code in JOB_REASONS:
        message, remedy = JOB_REASONS[generation.reason_code]
    else:
        rule = policy(generation.reason_code)
        message, remedy = rule.message, rule.remedy
    said = {"code": generation.reason_code, "message": message, "remedy": remedy}
    if generation.status == Status.REFUSED:
        said["decision_url"] = reverse("moderation:decision-of", args=["generation", generation.pk])
    elif generation.reason_code == "held_refused":
        video = getattr(generation, "video", None)
        if video is not None:
            said["decision_url"] = reverse("moderation:decision-of", args=["video", video.pk])
    return said


def credit_state(generation: Generation) -> str:
    if generation.is_open:
        return "held"
    if generation.reason_code == HELD:
        return "held"
    delivered = generation.status == Status.SUCCEEDED and not generation.reason_code
    return "captured" if delivered else "released"


def present_video(video: Video) -> dict[str, Any]:
    """Links are signed here, so call this only after the permission check."""
    return {
        "id": str(video.pk),
        "page_url": reverse("generation:clip", args=[video.pk]),
        "media_url": storage.signed_url(video.media_key, filename=video.download_name),
        "poster_url": storage.signed_url(video.poster_key, filename="poster.webp"),
        "download_url": storage.signed_url(
            video.media_key, filename=video.download_name, download=True
        ),
        "shared_at": video.shared_at.isoformat() if video.shared_at else None,
        "width": video.width,
        "height": video.height,
        "seconds": video.seconds,
        "alt_text": video.alt_text,
    }


def edits_of(generation: Generation) -> list[dict[str, Any]]:
    """The rewriter's changes; those of jobs from before they had a rule and a place, as far as known."""
    shown = []
    for stored in generation.prompt_edits:
        if not isinstance(stored, dict):  # an archive from elsewhere
            continue
        kind = str(stored.get("kind", ""))
        before = str(stored.get("before", stored.get("original", "")))
        revertible = kind in REVERTIBLE
        shown.append(
            {
                "kind": kind,
                "span": stored.get("span"),
                "before": before,
                "after": stored.get("after", stored.get("replacement", "")),
                "rule": stored.get("rule", ""),
                "version": stored.get("version", ""),
                "reason": stored.get("reason", ""),
                "avoid": stored.get("avoid", ""),
                "card": stored.get("card", 0),
                "key": key_of_edit(kind, before),
                "revertible": revertible,
                "why_not": "" if revertible else WHY_NOT,
            }
        )
    return shown


def present(generation: Generation) -> dict[str, Any]:
    """The whole state of one job. Every live event leads to this shape, so missing one is harmless."""
    video: Video | None = getattr(generation, "video", None)
    if video is not None and (video.quarantined_at or video.deleted_at):
        video = None
    return {
        "id": str(generation.pk),
        "status": generation.status,
        "prompt": generation.prompt,
        "rewritten_prompt": generation.rewritten_prompt,
        "edits": edits_of(generation),
        "understood": generation.understood,
        "unknown_words": generation.unknown_words,
        "seconds": generation.seconds,
        "width": generation.width,
        "height": generation.height,
        "seed": generation.seed,
        "steps": generation.steps,
        "tool": generation.tool,
        "plan": generation.plan,
        "batch": str(generation.batch) if generation.batch else None,
        "variation": generation.variation,
        "sources": [
            {
                "media": f"video:{s.video_id}" if s.video_id else f"upload:{s.upload_id}",
                "relationship": s.relationship,
            }
            for s in generation.sources.all()
        ],
        "share": generation.share,
        "created_at": _iso(generation.created_at),
        "started_at": _iso(generation.started_at),
        "finished_at": _iso(generation.finished_at),
        "queue_position": scheduling.queue_position(generation),
        "eta_seconds": scheduling.eta_seconds(generation) if generation.is_open else None,
        "progress": present_progress(generation),
        "cost_credits": generation.cost_credits,
        "credit_state": credit_state(generation),
        "reason": reason(generation),
        "video": present_video(video) if video is not None else None,
        "can_cancel": generation.is_open and generation.cancel_requested_at is None,
    }


def present_progress(generation: Generation) -> dict[str, Any]:
    note = progress.read(str(generation.pk)) if generation.status == Status.RUNNING else None
    if note is not None:
        return note
    stage = {Status.QUEUED: "queued", Status.RUNNING: "load"}.get(Status(generation.status), "done")
    return {
        "stage": stage,
        "percent": 100 if generation.status == Status.SUCCEEDED else 0,
        "step": 0,
        "total": 0,
        "preview": None,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
