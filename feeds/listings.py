"""Which clips each list holds, and in which order. All of them begin with `Video.objects.shared()`.

So a clip that is taken down or made private leaves every list in that very transaction. What a
viewer does not want to see is taken out by `for_viewer`, inside the list's own query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Expression, F, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import User, Workspace
from feeds.models import (
    Collection,
    FeaturedPick,
    FeedWish,
    Follow,
    PersonFilter,
    Save,
    Standing,
)
from generation.models import Video, VideoQuerySet
from generation.models.jobs import words_of

Viewer = User | AnonymousUser

RISES_FROM = 0.3  # below it a clip rises no more
MOST_PER_CREATOR = 3  # clips of one person in Rising, and open slots in Featured
FOR_YOU_CLIPS = 240  # so far For you goes: the newest clips that fit; then it ends
DAY = 86_400


@dataclass(frozen=True)
class Listing:
    """Clips and their order: falling by `key` (a column or annotation), then by id.

    `extra`: annotations a card of this list shows besides: `why` (terms), `note` (a reason).
    """

    videos: VideoQuerySet
    key: str = "shared_at"
    of: type = datetime
    extra: Sequence[str] = ()


def recent_for(viewer: Viewer) -> VideoQuerySet:
    """Every public clip, in the order people shared them. Nothing is ranked."""
    return for_viewer(Video.objects.shared(), viewer)


def of_creator(creator: User, viewer: Viewer) -> VideoQuerySet:
    """What one person shares with everybody. Mutes don't count: the viewer asked for this person."""
    return Video.objects.shared().filter(creator=creator)


def featured_for(viewer: Viewer) -> Listing:
    """The open slots, latest first, with the curators' reason."""
    videos = Video.objects.shared().filter(
        picks__state=FeaturedPick.State.LIVE, picks__expires_at__gt=timezone.now()
    )
    videos = videos.annotate(listed_at=F("picks__live_at"), note=F("picks__reason"))
    return Listing(for_viewer(videos, viewer), "listed_at", extra=("note",))


def rising_for(viewer: Viewer) -> Listing:
    """What a person has let rise, by the score of the last minute; few of each creator."""
    videos = Video.objects.shared().filter(
        standing__review=Standing.Review.APPROVED,
        standing__score__gt=RISES_FROM,
        standing__creator_rank__lte=MOST_PER_CREATOR,
    )
    return Listing(for_viewer(videos.annotate(score=F("standing__score")), viewer), "score", float)


def remixed_for(viewer: Viewer) -> Listing:
    """Clips most people made something of."""
    videos = Video.objects.shared().filter(standing__remixes__gt=0)
    videos = videos.annotate(times=F("standing__remixes"))
    return Listing(for_viewer(videos, viewer), "times", float)


def following_for(viewer: User) -> VideoQuerySet:
    """Public clips of the people the viewer follows, newest first."""
    followed = Follow.objects.filter(follower=viewer).values("creator")
    return for_viewer(Video.objects.shared().filter(creator__in=followed), viewer)


def team_for(workspace: Workspace, viewer: User) -> Listing:
    """What the members of a workspace show each other, and what they made public."""
    return Listing(for_viewer(Video.objects.for_team(workspace), viewer), "created_at")


def saved_by(viewer: User) -> Listing:
    """What the viewer keeps, latest kept first. Gone while it is not public."""
    kept = Save.objects.filter(user=viewer).values("video")
    videos = Video.objects.shared().filter(pk__in=kept, saves__user=viewer)
    return Listing(for_viewer(videos.annotate(kept_at=F("saves__created_at")), viewer), "kept_at")


def in_collection(collection: Collection, viewer: Viewer) -> Listing:
    """A collection's public clips, latest added first."""
    videos = Video.objects.shared().filter(collected__collection=collection)
    videos = videos.annotate(added_at=F("collected__added_at"))
    return Listing(for_viewer(videos, viewer), "added_at")


SHAPES = {
    "wide": Q(width__gt=F("height")),
    "tall": Q(width__lt=F("height")),
    "square": Q(width=F("height")),
}


def found_for(
    viewer: Viewer, words: str, *, shape: str = "", remixable: bool = False
) -> VideoQuerySet:
    """Public clips whose prompt has every word, newest first. No word finds nothing."""
    videos = Video.objects.shared()
    matching = videos.with_words(words)
    if matching is videos:
        return videos.none()
    if shape in SHAPES:
        matching = matching.filter(SHAPES[shape])
    if remixable:
        matching = matching.filter(remixable=True)
    return for_viewer(matching, viewer)


def for_you(viewer: User, wish: FeedWish) -> Listing:
    """The newest clips that fit the person's sentence, by how many of its terms they have.

    `why` names these terms. Age counts against a clip: `wish.reach` days weigh as much as one term.
    The score stands still while somebody reads on, so pages never overlap.
    """
    fits = Fits("generation__prompt", " | ".join(wish.queries))
    candidates = Video.objects.shared().filter(fits)
    if wish.unwanted_query:
        candidates = candidates.exclude(Fits("generation__prompt", wish.unwanted_query))
    candidates = for_viewer(candidates, viewer).exclude(creator=viewer)
    newest = candidates.order_by("-shared_at", "-id").values("pk")[:FOR_YOU_CLIPS]
    why = MatchedTerms("generation__prompt", wish.wanted, wish.queries)
    score = Score(why, F("shared_at"), wish.reach)
    videos = Video.objects.shared().filter(pk__in=newest).annotate(why=why, score=score)
    return Listing(videos, "score", float, extra=("why",))


# --- What a viewer does not want to see --------------------------------------------------------------


def for_viewer(videos: VideoQuerySet, viewer: Viewer) -> VideoQuerySet:
    """Without people the viewer blocked or muted, people who blocked the viewer, and hidden topics.

    Sub-selects the database evaluates once for the page, so it stays one query.
    """
    if not isinstance(viewer, User):
        return videos
    mine = PersonFilter.objects.filter(user=viewer).values("other")
    others = PersonFilter.objects.filter(other=viewer, kind=PersonFilter.Kind.BLOCK).values("user")
    return videos.filter(
        ~Q(creator__in=mine), ~Q(creator__in=others), NoHiddenTopic("generation__prompt", viewer)
    )


class NoHiddenTopic(Expression):
    """True where the text has none of the viewer's topics. Without topics the text isn't read."""

    conditional = True

    def __init__(self, column: str, viewer: User) -> None:
        super().__init__(output_field=models.BooleanField())
        self.words: Any = words_of(column)
        self.topics: Any = RawSQL(
            "SELECT string_agg('(' || topic.query || ')', ' | ')::tsquery"
            " FROM feeds_hiddentopic topic WHERE topic.user_id = %s",
            [viewer.pk],
        )

    def get_source_expressions(self) -> list[Any]:
        return [self.words, self.topics]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.words, self.topics = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        words, of_words = compiler.compile(self.words)
        topics, of_topics = compiler.compile(self.topics)
        sql = f"CASE WHEN {topics} IS NULL THEN TRUE ELSE NOT ({words} @@ {topics}) END"
        return sql, [*of_topics, *of_words, *of_topics]


# --- Terms -------------------------------------------------------------------------------------------


class Fits(Expression):
    """True where the text matches a stored tsquery. Uses the index generation_words."""

    conditional = True

    def __init__(self, column: str, query: str) -> None:
        super().__init__(output_field=models.BooleanField())
        self.words: Any = words_of(column)
        self.query = query

    def get_source_expressions(self) -> list[Any]:
        return [self.words]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.words,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        words, params = compiler.compile(self.words)
        return f"({words} @@ %s::tsquery)", [*params, self.query]


class MatchedTerms(Expression):
    """Which of the terms the text has, as an array in the person's own order."""

    def __init__(self, column: str, terms: Sequence[str], queries: Sequence[str]) -> None:
        super().__init__(output_field=ArrayField(models.TextField()))
        self.words: Any = words_of(column)
        self.terms = list(zip(terms, queries, strict=True))

    def get_source_expressions(self) -> list[Any]:
        return [self.words]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.words,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        words, params = compiler.compile(self.words)
        one = "CASE WHEN text.words @@ %s::tsquery THEN %s::text END"
        each = ", ".join([one] * len(self.terms))
        values = [value for term, query in self.terms for value in (query, term)]
        # OFFSET 0 keeps the words from being worked out once for each term.
        sql = f"(SELECT array_remove(ARRAY[{each}], NULL) FROM (SELECT {words} AS words OFFSET 0) text)"
        return sql, [*values, *params]


class Score(Expression):
    """Days: those of the moment it was shared, and `reach` more for each term it has."""

    def __init__(self, why: MatchedTerms, shared_at: F, reach: int) -> None:
        super().__init__(output_field=models.FloatField())
        self.why: Any = why
        self.shared_at: Any = shared_at
        self.reach = reach

    def get_source_expressions(self) -> list[Any]:
        return [self.why, self.shared_at]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.why, self.shared_at = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        why, of_why = compiler.compile(self.why)
        moment, of_moment = compiler.compile(self.shared_at)
        sql = f"(cardinality({why}) * %s + extract(epoch FROM {moment}) / {DAY})::double precision"
        return sql, [*of_why, self.reach, *of_moment]
