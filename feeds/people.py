"""Following people, and not seeing them: block, mute, hidden topics."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from feeds.errors import Blocked, NotWithYourself, TooMany
from feeds.models import Follow, HiddenTopic, PersonFilter
from feeds.wording import topic_of

MOST_TOPICS = 50
MOST_FOLLOWS = 5_000
MOST_FILTERS = 5_000


@dataclass(frozen=True)
class Relation:
    """A person's numbers, and what stands between them and the viewer."""

    followers: int
    following: int
    follows: bool = False
    filtered: str = ""  # mute, block or ""


def relation_to(person: User, viewer: User | AnonymousUser) -> Relation:
    """Follow counts, and the viewer's own state."""
    followers = Follow.objects.filter(creator=person, follower__is_active=True).count()
    following = Follow.objects.filter(follower=person, creator__is_active=True).count()
    if not isinstance(viewer, User):
        return Relation(followers, following)
    kind = PersonFilter.objects.filter(user=viewer, other=person).values_list("kind", flat=True)
    follows = Follow.objects.filter(follower=viewer, creator=person).exists()
    return Relation(followers, following, follows, kind.first() or "")


def is_barred(viewer: User | AnonymousUser, person: User) -> bool:
    """Whether `person` has blocked the viewer: to them, this person isn't there."""
    return isinstance(viewer, User) and _blocks(person, viewer)


def follow(person: User, *, by: User) -> None:
    """Following twice is once. Raises NotWithYourself, Blocked or TooMany."""
    _others(person, by)
    with transaction.atomic():
        _lock(by, person)
        if _blocks(by, person):
            raise Blocked()
        mine = Follow.objects.filter(follower=by)
        if not mine.filter(creator=person).exists():
            if mine.count() >= MOST_FOLLOWS:
                raise TooMany()
            Follow.objects.create(follower=by, creator=person)


def unfollow(person: User, *, by: User) -> None:
    Follow.objects.filter(follower=by, creator=person).delete()


def set_filter(person: User, kind: str, *, by: User) -> None:
    """Mute or block somebody. A block also ends that either follows the other.

    Raises NotWithYourself or TooMany.
    """
    _others(person, by)
    with transaction.atomic():
        _lock(by, person)
        mine = PersonFilter.objects.filter(user=by)
        if not mine.filter(other=person).exists() and mine.count() >= MOST_FILTERS:
            raise TooMany()
        PersonFilter.objects.update_or_create(user=by, other=person, defaults={"kind": kind})
        if kind == PersonFilter.Kind.BLOCK:
            Follow.objects.filter(
                Q(follower=by, creator=person) | Q(follower=person, creator=by)
            ).delete()
            audit.record(audit.FEED_PERSON_BLOCKED, actor=by, target=person)


def lift_filter(person: User, kind: str, *, by: User) -> None:
    """Take a mute or a block back; nothing happens where there is no such."""
    PersonFilter.objects.filter(user=by, other=person, kind=kind).delete()


def hide_topic(text: str, *, by: User) -> HiddenTopic:
    """Clips whose prompt has all of these words are in none of the person's lists from now on.

    Raises NothingInIt or TooMany.
    """
    words, query = topic_of(text)
    with transaction.atomic():
        _lock(by)
        mine = HiddenTopic.objects.filter(user=by)
        found = mine.filter(words=words).first()
        if found is not None:
            return found
        if mine.count() >= MOST_TOPICS:
            raise TooMany()
        return HiddenTopic.objects.create(user=by, words=words, query=query)


def show_topic(topic_id: int, *, by: User) -> None:
    HiddenTopic.objects.filter(user=by, pk=topic_id).delete()


def _blocks(one: User, other: User) -> bool:
    kind = PersonFilter.Kind.BLOCK
    return PersonFilter.objects.filter(user=one, other=other, kind=kind).exists()


def _others(person: User, by: User) -> None:
    if person.pk == by.pk:
        raise NotWithYourself()


def _lock(*people: User) -> None:
    """Follows and blocks between the same people wait for each other."""
    numbers = sorted(person.pk for person in people)
    list(User.objects.select_for_update(no_key=True).filter(pk__in=numbers).order_by("pk"))
