"""What goes with an account: everything it kept, followed, hid and asked for."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import User
from feeds.models import Collection, FeedWish, Follow, HiddenTopic, PersonFilter, Save


def forget(user: User) -> None:
    """Called by accounts.services.delete_account, inside its transaction.

    Likes stay, as numbers under clips do. So do blocks of others against this person.
    """
    Follow.objects.filter(Q(follower=user) | Q(creator=user)).delete()
    for kept in (Collection.objects.filter(owner=user), FeedWish.objects.filter(user=user)):
        kept.delete()
    for model in (HiddenTopic, PersonFilter, Save):
        model._default_manager.filter(user=user).delete()
