"""Between people: following, and what somebody does not want to see."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Follow(models.Model):
    """One person follows another's public clips."""

    follower = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="follows")
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follower", "creator"], name="follow_once"),
            models.CheckConstraint(condition=~Q(follower=F("creator")), name="follow_others"),
        ]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.creator_id}"


class PersonFilter(models.Model):
    """`user` does not want to see `other`. A block also keeps the user's clips from the other."""

    class Kind(models.TextChoices):
        MUTE = "mute"
        BLOCK = "block"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="filters")
    other = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="filtered_by")
    kind = models.CharField(max_length=5, choices=Kind)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "other"], name="person_filtered_once"),
            models.CheckConstraint(condition=~Q(user=F("other")), name="person_filter_others"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind}s {self.other_id}"


class HiddenTopic(models.Model):
    """Words somebody doesn't want to meet: clips whose prompt has them are in none of their lists.

    `query` is the tsquery of these words, so that a page asks for all topics in its own query.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="hidden_topics")
    words = models.CharField(max_length=60)
    query = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "words"], name="hidden_topic_once"),
        ]

    def __str__(self) -> str:
        return self.words


class FeedWish(models.Model):
    """What somebody wants to see in For you, in one sentence of their own. No row: they never asked.

    `wanted` and `unwanted` are the terms found in it, `queries` the tsquery of each wanted one.
    """

    class Reach(models.IntegerChoices):
        """How many days of age one more matching term outweighs."""

        NEWEST = 1
        BALANCED = 7
        CLOSEST = 60

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="feed_wish")
    sentence = models.CharField(max_length=300)
    wanted = ArrayField(models.CharField(max_length=40))
    queries = ArrayField(models.TextField())
    unwanted = ArrayField(models.CharField(max_length=40), default=list)
    unwanted_query = models.TextField(blank=True)
    reach = models.PositiveSmallIntegerField(choices=Reach, default=Reach.BALANCED)
    is_on = models.BooleanField(default=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.sentence
