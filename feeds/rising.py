"""Rising: what people older than a day like, remix and keep just now. Never how long they watched.

Every minute one statement computes the scores. Each like and save counts one, each remix two, once a
person, halved every six hours; the creator's own don't count. A clip shows only after a curator has
looked at it, and no more once something speaks against it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.staff_roles import require_role
from feeds.featuring import CURATOR, REASON_CHARS, enterable, judge
from feeds.hooks import objection_to
from feeds.listings import RISES_FROM
from feeds.models import Standing
from feeds.wording import public_text
from generation.models import Video

Review = Standing.Review

HALF_LIFE_HOURS = 6
WINDOW_HOURS = 48  # older reactions weigh less than half a percent
ACCOUNT_HOURS = 24
ENTERS_AT = 1.0  # from here on a curator is asked
REMIX_WEIGHT = 2

SCORES = """
WITH signals AS (
    SELECT video_id, user_id AS person_id, 1 AS weight, created_at AS at FROM feeds_like
     WHERE created_at > %(now)s - %(window)s * interval '1 hour'
    UNION ALL
    SELECT video_id, user_id, 1, created_at FROM feeds_save
     WHERE created_at > %(now)s - %(window)s * interval '1 hour'
    UNION ALL
    SELECT link.to_video_id, remix.creator_id, %(remix)s, max(remix.created_at)
      FROM generation_video remix
      JOIN generation_video_parents link ON link.from_video_id = remix.id
     WHERE remix.created_at > %(now)s - %(window)s * interval '1 hour'
       AND remix.quarantined_at IS NULL AND remix.deleted_at IS NULL
     GROUP BY link.to_video_id, remix.creator_id
), scored AS (
    SELECT video.id, video.workspace_id, count(DISTINCT person.id) AS people,
           sum(signals.weight * power(0.5,
               greatest(extract(epoch FROM %(now)s - signals.at), 0) / 3600 / %(half)s)) AS score
      FROM signals
      JOIN accounts_user person ON person.id = signals.person_id AND person.is_active
           AND person.suspended_at IS NULL
           AND person.date_joined <= %(now)s - %(account)s * interval '1 hour'
      JOIN generation_video video ON video.id = signals.video_id
           AND video.shared_at IS NOT NULL AND video.quarantined_at IS NULL
           AND video.creator_id <> person.id
     GROUP BY video.id, video.workspace_id
)
INSERT INTO feeds_standing (workspace_id, video_id, score, people, computed_at)
SELECT workspace_id, id, score, people, %(now)s FROM scored WHERE score >= %(least)s
ON CONFLICT (video_id) DO UPDATE
   SET score = excluded.score, people = excluded.people, computed_at = excluded.computed_at
"""

FALLEN = """
UPDATE feeds_standing SET score = 0, people = 0, computed_at = %(now)s
 WHERE computed_at < %(now)s AND score > 0
"""

RANKS = """
UPDATE feeds_standing standing SET creator_rank = ranked.place
  FROM (SELECT risen.id, row_number() OVER (
               PARTITION BY video.creator_id ORDER BY risen.score DESC, video.id DESC) AS place
          FROM feeds_standing risen JOIN generation_video video ON video.id = risen.video_id
         WHERE risen.score > 0 AND risen.review = 'approved') ranked
 WHERE ranked.id = standing.id AND standing.creator_rank <> ranked.place
"""

# Remixes of all times, by distinct other people; one that was taken down or deleted doesn't count.
REMIXES = """
WITH counted AS (
    SELECT source.id, source.workspace_id, count(DISTINCT remix.creator_id) AS remixes
      FROM generation_video_parents link
      JOIN generation_video remix ON remix.id = link.from_video_id
           AND remix.quarantined_at IS NULL AND remix.deleted_at IS NULL
      JOIN generation_video source ON source.id = link.to_video_id
     WHERE remix.creator_id <> source.creator_id
     GROUP BY source.id, source.workspace_id
), fewer AS (
    UPDATE feeds_standing standing SET remixes = 0
     WHERE remixes > 0 AND NOT EXISTS (SELECT 1 FROM counted WHERE counted.id = standing.video_id)
)
INSERT INTO feeds_standing (workspace_id, video_id, remixes, computed_at)
SELECT workspace_id, id, remixes, %(now)s FROM counted
ON CONFLICT (video_id) DO UPDATE SET remixes = excluded.remixes
 WHERE feeds_standing.remixes <> excluded.remixes
"""


def compute(now: datetime | None = None) -> int:
    """Every minute: scores, ranks and remix counts, then the objections to what shows.

    Two workers at once do it once: the second leaves at once. Returns how many clips were taken out.
    """
    values: dict[str, datetime | int | float] = {
        "now": now or timezone.now(),
        "window": WINDOW_HOURS,
        "half": HALF_LIFE_HOURS,
        "account": ACCOUNT_HOURS,
        "remix": REMIX_WEIGHT,
        "least": RISES_FROM,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('feeds.rising'))")
        if not cursor.fetchone()[0]:
            return 0
        for statement in (SCORES, FALLEN, RANKS, REMIXES):
            cursor.execute(statement, values)
    taken = 0
    for standing in shown().select_related("video__creator"):
        if why := objection_to(standing.video):
            withdraw(standing.video, why=why)
            taken += 1
    return taken


def shown() -> QuerySet[Standing]:
    """Approved and above the threshold."""
    return Standing.objects.filter(review=Review.APPROVED, score__gt=RISES_FROM)


def waiting() -> QuerySet[Standing]:
    """What a curator should look at, the highest first."""
    return Standing.objects.filter(
        review=Review.WAITING,
        score__gte=ENTERS_AT,
        video__shared_at__isnull=False,
        video__quarantined_at=None,
    ).order_by("-score", "-video")


def review(standing: Standing, *, by: User, let_rise: bool, why: str = "") -> Standing:
    """Let a clip rise, or not. A decision holds for the clip until a curator changes it.

    Raises StaffRoleMissing, TextRefused or NotFeaturable.
    """
    why = public_text(why, param="why", most=REASON_CHARS)
    if let_rise:
        judge(standing.video)
    with transaction.atomic():
        require_role(by, CURATOR)
        if let_rise:
            enterable(standing.video)
        standing = Standing.objects.select_for_update().get(pk=standing.pk)
        standing.review = Review.APPROVED if let_rise else Review.DECLINED
        standing.reviewed_by, standing.reviewed_at, standing.why = by, timezone.now(), why
        standing.save(update_fields=["review", "reviewed_by", "reviewed_at", "why"])
        audit.record(
            audit.FEED_RISING_REVIEWED,
            workspace=standing.workspace,
            actor=by,
            target=standing.video,
            let_rise=let_rise,
        )
    return standing


def withdraw(video: Video, *, why: str) -> None:
    """Out of Rising until a curator looks again, in the caller's transaction."""
    Standing.objects.filter(video=video, review=Review.APPROVED).update(
        review=Review.WAITING, reviewed_by=None, reviewed_at=None, why=why
    )
