"""What refused prompts mean, worked out by a worker: it has the sentence model, the web process not.

Only prompts of people with several refusals are looked at; most people's are never read.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
from django.db.models import Count
from django.utils import timezone

from generation import probing
from generation.loading import load_classifiers
from generation.models import RequestTrace
from moderation.screening import text_embedding
from moderation.screening.probing import MEMORY, REPHRASED

logger = logging.getLogger(__name__)

BAD = (RequestTrace.Outcome.REFUSED, RequestTrace.Outcome.BLOCKED)
AT_ONCE = 64  # prompts embedded in one round; about 20 ms each


def round_of_meaning() -> int:
    """Embed what waits and assess its people anew. Returns how many prompts were embedded."""
    if not text_embedding.is_installed():
        return 0
    recent = RequestTrace.objects.filter(
        outcome__in=BAD, campaign="", created_at__gt=timezone.now() - min(MEMORY, timedelta(days=7))
    )
    many = recent.values("user").annotate(bad=Count("pk")).filter(bad__gte=REPHRASED - 1)
    waiting = list(
        recent.filter(meaning=None, user__in=many.values("user"))
        .select_related("user", "workspace")
        .order_by("created_at")[:AT_ONCE]
    )
    if not waiting:
        return 0
    load_classifiers()
    vectors = text_embedding.embed([row.text for row in waiting])
    for row, vector in zip(waiting, vectors, strict=True):
        row.meaning = np.asarray(vector, np.float16).tobytes()
        row.save(update_fields=["meaning"])
    for row in {row.user_id: row for row in waiting}.values():
        probing.look_again(row.user, row.workspace)
    return len(waiting)
