"""What refused prompts mean, worked out by a worker: it has the sentence model, the web process not.

Only prompts of people with several refusals are looked at; most people's are never read.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import Any

import numpy as np
from django.db import close_old_connections
from django.db.models import Count, QuerySet
from django.utils import timezone

from generation import probing
from generation.loading import load_classifiers
from generation.models import RequestTrace
from moderation.screening.panel import MEANING_CLASSIFIER
from moderation.screening.probing import MEMORY, REPHRASED

logger = logging.getLogger(__name__)

BAD = (RequestTrace.Outcome.REFUSED, RequestTrace.Outcome.BLOCKED)
AT_ONCE = 64  # prompts embedded in one round; about 20 ms each
_busy = threading.Lock()


def waiting() -> QuerySet[RequestTrace]:
    """Refused prompts without a meaning, of people who have nearly enough of them for a finding."""
    recent = RequestTrace.objects.filter(
        outcome__in=BAD, campaign="", created_at__gt=timezone.now() - MEMORY
    ).exclude(text="")
    many = recent.values("user").annotate(bad=Count("pk")).filter(bad__gte=REPHRASED - 1)
    return recent.filter(meaning=None, user__in=many.values("user")).order_by("created_at")


def _model() -> Any:
    """By name: the sentence model may load torch, which the web process never imports."""
    return importlib.import_module(MEANING_CLASSIFIER)


def start_if_due() -> None:
    """The keeper's look: a thread for what waits. Loading a model must not hold up its sign of life."""
    if not _busy.locked() and _model().is_installed() and waiting().exists():
        threading.Thread(target=work, name="probing", daemon=True).start()


def work() -> int:
    """Embed what waits and assess its people anew. Returns how many prompts were embedded."""
    if not _busy.acquire(blocking=False):
        return 0
    try:
        rows = list(waiting().select_related("user", "workspace")[:AT_ONCE])
        if rows:
            load_classifiers()
            vectors = _model().embed([row.text for row in rows])
            for row, vector in zip(rows, vectors, strict=True):
                row.meaning = np.asarray(vector, np.float16).tobytes()
                row.save(update_fields=["meaning"])
            for row in {row.user_id: row for row in rows}.values():
                probing.look_again(row.user, row.workspace)
        return len(rows)
    except Exception:
        logger.exception("refused prompts were not compared by meaning; the next round tries again")
        return 0
    finally:
        _busy.release()
        close_old_connections()
