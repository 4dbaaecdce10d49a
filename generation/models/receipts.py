"""Statements of reasons: one row for every refusal, removal and penalty, chained by hashes.

A trigger refuses every change of a row, and each row's hash covers its content and the hash before
it: a row that was altered, added in between or taken out behind the trigger's back breaks the chain
(generation.receipts.verify).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.models import Workspace
from moderation.policies import POLICIES

if TYPE_CHECKING:
    from accounts.models import User

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another
CHILD_SAFETY = frozenset({"sexual_minors"})
"""Codes of rules of which a person is told the rule and nothing of what gave it away."""


def new_public_id() -> str:
    """A number the person can quote; it tells nothing."""
    return "D-" + "".join(secrets.choice(LETTERS) for _ in range(12))


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def visible_to(self, user: User) -> ReceiptQuerySet:
        """Decisions about oneself; nobody else's, not even a colleague's of the same workspace."""
        return self.filter(person=user) if user.is_authenticated else self.none()


class Receipt(models.Model):
    """Why something was refused, removed or restricted, as it was said when it happened.

    `where`: {"field": "prompt"} or {"second": 1.5, "frame": 18}: where in the text or the clip. `data`
    is for staff alone (categories, checks, notes); no prompt and no address stands in a receipt,
    since receipts are never deleted.
    """

    class Kind(models.TextChoices):
        REFUSAL = "refusal", "Refused"
        RESTRICTION = "restriction", "Kept out of public lists"
        REMOVAL = "removal", "Removed"
        WARNING = "warning", "Warning"
        STRIKE = "strike", "Strike"
        LIMIT = "limit", "Features limited"
        SUSPENSION = "suspension", "Account suspended"
        REVERSAL = "reversal", "Taken back"

    class Subject(models.TextChoices):
        PROMPT = "prompt", "a prompt"
        GENERATION = "generation", "a video you asked for"
        VIDEO = "video", "a clip"
        UPLOAD = "upload", "an upload"
        USER = "user", "your account"

    public_id = models.CharField(max_length=20, unique=True, default=new_public_id)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="receipts")
    kind = models.CharField(max_length=12, choices=Kind)
    subject_kind = models.CharField(max_length=10, choices=Subject)
    subject_id = models.CharField(max_length=64)
    layer = models.CharField(max_length=20)  # the check that spoke, or "review" for a person
    policy_code = models.CharField(max_length=60)
    policy_version = models.CharField(max_length=40)  # of the public rules
    screening_version = models.CharField(max_length=40, blank=True)  # of the screening policy
    where = models.JSONField(default=dict)
    automated = models.BooleanField()
    message = models.TextField(max_length=1000)  # as the person read it
    remedy = models.TextField(max_length=1000)
    appealable = models.BooleanField()
    appeal_until = models.DateTimeField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    number = models.PositiveBigIntegerField(unique=True)  # place in the chain, from 1
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["person", "-created_at", "-id"], name="receipt_by_person"),
            models.Index(fields=["subject_kind", "subject_id"], name="receipt_by_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(layer="")
                & ~Q(policy_code="")
                & ~Q(policy_version="")
                & ~Q(message="")
                & ~Q(remedy="")
                & ~Q(subject_id=""),
                name="receipt_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(appealable=False, appeal_until=None)
                | Q(appealable=True, appeal_until__isnull=False),
                name="receipt_appeal_until_iff_appealable",
            ),
            models.CheckConstraint(
                condition=Q(previous_hash__regex="^[0-9a-f]{64}$", hash__regex="^[0-9a-f]{64}$"),
                name="receipt_is_chained",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id}: {self.kind} under {self.policy_code}"

    @property
    def page_url(self) -> str:
        """The page of the person it is about; the appeal form is on it."""
        try:
            return reverse("moderation:decision", args=[self.public_id])
        except NoReverseMatch:  # a site without the app above
            return "/"

    @property
    def may_be_appealed(self) -> bool:
        """Whether the six months run. Whether an appeal was made already, moderation.appeals knows."""
        return self.appeal_until is not None and timezone.now() <= self.appeal_until

    @property
    def is_child_safety(self) -> bool:
        return self.policy_code in CHILD_SAFETY

    def where_in_words(self) -> str:
        """For the person; empty where it would tell what gave a child-safety rule away."""
        if self.is_child_safety:
            return ""
        if (second := self.where.get("second")) is not None:
            minutes, seconds = divmod(float(second), 60)
            return f"at {int(minutes)}:{seconds:04.1f} of the video"
        return {
            "prompt": "in the text you wrote",
            "rewritten": "in the text as it was rewritten",
            "together": "in the text and the pictures together",
            "upload": "in the file you brought",
            "video": "in the video",
            "profile": "on your profile",
        }.get(str(self.where.get("field", "")), "")

    def for_person(self) -> dict[str, Any]:
        """What the affected person may read: never a score, a matched word or who reported."""
        rule = POLICIES.get(self.policy_code, POLICIES["other"])
        return {
            "decision_id": self.public_id,
            "url": self.page_url,
            "at": self.created_at.isoformat(),
            "kind": self.kind,
            "what": self.get_kind_display(),
            "subject": {"kind": self.subject_kind, "id": self.subject_id},
            "rule": {
                "code": self.policy_code,
                "title": rule.title,
                "text": rule.rule,
                "version": self.policy_version,
            },
            "message": self.message,
            "remedy": self.remedy,
            "where": {} if self.is_child_safety else self.where,
            "where_in_words": self.where_in_words(),
            "decided_by": "an automated check" if self.automated else "a person",
            "automated": self.automated,
            "layer": self.layer,
            "appealable": self.may_be_appealed,
            "appeal_until": self.appeal_until.isoformat() if self.appeal_until else None,
            "appeal_url": f"{self.page_url}#appeal" if self.may_be_appealed else None,
        }
