"""From (user, id) to a clip, a person or a list. Strangers learn nothing: all they get is 404."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from accounts import access
from accounts.models import Membership, User
from feeds.hooks import bar_to
from feeds.models import Collection, PersonFilter, ShareLink
from feeds.people import is_barred
from generation.models import Video

Viewer = User | AnonymousUser


def seen_video(user: Viewer, video_id: UUID) -> Video:
    """A clip this person may see: shared, or of an own workspace. Raises Http404.

    Somebody the creator blocked finds nothing.
    """
    video = Video.objects.visible_to(user).filter(pk=video_id).select_related("creator").first()
    if video is None:
        raise Http404
    if (
        isinstance(user, User)
        and PersonFilter.objects.filter(
            user=video.creator_id, other=user, kind=PersonFilter.Kind.BLOCK
        )
        .exclude(user=user)
        .exists()
    ):
        raise Http404
    return video


def shared_video(user: Viewer, video_id: UUID) -> Video:
    """A public clip, whoever asks. Raises Http404."""
    video = seen_video(user, video_id)
    if video.shared_at is None:
        raise Http404
    return video


def own_video(user: Viewer, video_id: UUID) -> Video:
    """A clip of a workspace the person may create in. Raises Http404, or Forbidden for viewers."""
    video = Video.objects.filter(pk=video_id, quarantined_at=None, deleted_at=None).first()
    if video is None:
        raise Http404
    access.get_workspace(user, video.workspace_id, role=Membership.Role.CREATOR)
    return video


def linked_video(token: str) -> Video:
    """The clip behind a share link that was not revoked. Raises Http404."""
    link = (
        ShareLink.objects.live()
        .filter(token=token)
        .select_related("video__creator", "video__generation")
        .first()
    )
    if link is None or bar_to(link.video):
        raise Http404
    return link.video


def seen_person(viewer: Viewer, handle: str) -> User:
    """An open account that has not blocked the viewer. Raises Http404."""
    person = User.objects.filter(handle=handle.lower(), is_active=True, suspended_at=None).first()
    if person is None or is_barred(viewer, person):
        raise Http404
    return person


def known_person(viewer: User, handle: str) -> User:
    """Somebody to take a follow, mute or block back from: also when their account was closed."""
    person = User.objects.filter(handle=handle.lower()).first()
    if person is None or is_barred(viewer, person):
        raise Http404
    return person


def seen_collection(viewer: Viewer, collection_id: int) -> Collection:
    """One's own collection, or a public one. Raises Http404."""
    found = Collection.objects.visible_to(viewer).filter(pk=collection_id)
    collection = found.select_related("owner").first()
    if collection is None:
        raise Http404
    return collection


def own_collection(viewer: Viewer, collection_id: int) -> Collection:
    """One's own collection. Raises Http404 also for public ones of others."""
    collection = seen_collection(viewer, collection_id)
    if collection.owner_id != viewer.pk:
        raise Http404
    return collection
