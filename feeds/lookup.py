"""From (user, id) to a clip. Strangers learn nothing: unknown, hidden and foreign are all 404."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from accounts import access
from accounts.models import Membership, User
from generation.models import Video


def seen_video(user: User | AnonymousUser, video_id: UUID) -> Video:
    """A clip this person may see: shared, or of an own workspace. Raises Http404."""
    video = Video.objects.visible_to(user).filter(pk=video_id).first()
    if video is None:
        raise Http404
    return video


def own_video(user: User | AnonymousUser, video_id: UUID) -> Video:
    """A clip of a workspace the person may create in. Raises Http404, or Forbidden for viewers."""
    video = Video.objects.filter(pk=video_id, quarantined_at=None, deleted_at=None).first()
    if video is None:
        raise Http404
    access.get_workspace(user, video.workspace_id, role=Membership.Role.CREATOR)
    return video
