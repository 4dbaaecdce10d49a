"""Collections: named lists of clips, private unless their owner says otherwise."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from accounts.services import personal_workspace
from feeds.errors import TextRefused, TooMany
from feeds.models import Collection, CollectionItem
from feeds.wording import public_text
from generation.models import Video

NAME_CHARS = 60
MOST_COLLECTIONS = 100
MOST_ITEMS = 1_000


def create(by: User, name: str, *, is_public: bool = False) -> Collection:
    """A new, empty collection; the one there is when the name is taken. Raises TextRefused, TooMany."""
    name = _name(name)
    workspace = personal_workspace(by)
    with transaction.atomic():
        _lock(by)
        mine = Collection.objects.filter(owner=by)
        found = mine.filter(name=name).first()
        if found is not None:
            return found
        if mine.count() >= MOST_COLLECTIONS:
            raise TooMany()
        return Collection.objects.create(
            owner=by, workspace=workspace, name=name, is_public=is_public
        )


def change(collection: Collection, *, name: str | None, is_public: bool | None) -> Collection:
    """Raises TextRefused, also for a name another one of the owner has."""
    with transaction.atomic():
        _lock(collection.owner)
        if name is not None:
            name = _name(name)
            others = Collection.objects.filter(owner=collection.owner, name=name)
            if others.exclude(pk=collection.pk).exists():
                raise TextRefused(
                    "You have a collection of this name.", param="name", remedy="Choose another."
                )
            collection.name = name
        if is_public is not None:
            collection.is_public = is_public
        collection.save(update_fields=["name", "is_public"])
    return collection


def delete(collection: Collection) -> None:
    """The list goes; the clips in it are untouched."""
    collection.delete()


def add(collection: Collection, video: Video) -> None:
    """Put a clip into it. Twice is once. Raises TooMany."""
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        if collection.items.filter(video=video).exists():
            return
        if collection.items.count() >= MOST_ITEMS:
            raise TooMany(remedy="Take one out, or begin another collection.")
        CollectionItem.objects.create(
            collection=collection, video=video, workspace_id=collection.workspace_id
        )


def remove(collection: Collection, video_id: object) -> None:
    """Take a clip out; nothing happens when it isn't in it."""
    collection.items.filter(video=video_id).delete()


def _name(name: str) -> str:
    return public_text(name, param="name", most=NAME_CHARS, required=True)


def _lock(owner: User) -> None:
    list(User.objects.select_for_update(no_key=True).filter(pk=owner.pk))
