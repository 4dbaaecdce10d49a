"""For you: the person's own sentence, kept as terms; off and gone whenever they say so."""

from __future__ import annotations

from accounts.models import User
from feeds.errors import NothingInIt
from feeds.models import FeedWish
from feeds.wording import queries_of, terms_of

SENTENCE_CHARS = 300


def wish_of(user: User) -> FeedWish | None:
    """What the person asked for; None when they never did, or took it back."""
    return FeedWish.objects.filter(user=user).first()


def set_wish(user: User, sentence: str, *, reach: int | None = None) -> FeedWish:
    """Keep a sentence and switch For you on. Raises NothingInIt where it names nothing to show."""
    sentence = " ".join(sentence.split())[:SENTENCE_CHARS]
    words, against = terms_of(sentence)
    wanted = queries_of(words)
    unwanted = queries_of(against)
    if not wanted:
        raise NothingInIt(param="sentence")
    fields = {
        "sentence": sentence,
        "wanted": [word for word, _ in wanted],
        "queries": [query for _, query in wanted],
        "unwanted": [word for word, _ in unwanted],
        "unwanted_query": " | ".join(f"({query})" for _, query in unwanted),
        "is_on": True,
    }
    if reach in FeedWish.Reach.values:
        fields["reach"] = reach
    wish, _ = FeedWish.objects.update_or_create(user=user, defaults=fields)
    return wish


def switch(user: User, *, on: bool) -> None:
    """Off: the sentence stays, nothing is chosen by it."""
    FeedWish.objects.filter(user=user).update(is_on=on)


def forget(user: User) -> None:
    """Reset: the sentence and its terms are gone."""
    FeedWish.objects.filter(user=user).delete()
