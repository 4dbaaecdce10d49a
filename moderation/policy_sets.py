"""Evaluation sets under a draft: a worker reads every set once and decides it under both policies."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from django.db import connection

from generation import screening
from generation.policies import active_policy
from moderation import policy_lab
from moderation.models import EvalSet, PolicyDraft
from moderation.screening.decision import Inputs, decide
from moderation.screening.gate import InvalidPrompt, clean_prompt
from moderation.screening.policy import Policy, with_changes
from moderation.screening.protocol import ScreeningUnavailable

logger = logging.getLogger(__name__)

MOST_SETS: Final = 12
MOST_CASES: Final = 200  # of one set
LOOK_SECONDS: Final = 10.0
LOCK: Final = 7_301_121  # advisory: one worker measures at a time

_busy = threading.Lock()
_next_look = 0.0


def measure(draft: PolicyDraft) -> list[dict[str, Any]]:
    """For each set: cases read, harmful and harmless ones stopped, before and after.

    Raises ScreeningUnavailable, PolicyProblem when the draft fits the active policy no more.
    """
    from generation.loading import load_classifiers
    from generation.prompting import rewrite

    load_classifiers()
    checks, now = screening.checks(), active_policy()
    proposal: Policy = with_changes(now, draft.changes, version="proposal")
    rows = []
    for of in EvalSet.objects.order_by("name")[:MOST_SETS]:
        row = dict.fromkeys(
            ("cases", "caught_before", "caught_after", "over_before", "over_after"), 0
        )
        for case in of.cases.order_by("pk")[:MOST_CASES]:
            try:
                text = clean_prompt(case.text)
            except InvalidPrompt:
                continue
            drawn = rewrite(text).text
            before = decide(
                "rewritten",
                Inputs(prompt=text, rewritten=drawn),
                profile="default",
                policy=now,
                checks=checks,
            )
            after = policy_lab.replay(before, proposal, [("prompt", text), ("rewritten", drawn)])
            row["cases"] += 1
            kind = "caught" if case.label == "block" else "over"
            row[f"{kind}_before"] += before.action in ("refuse", "hold")
            row[f"{kind}_after"] += after.action in ("refuse", "hold")
        rows.append({"title": of.title, **row})
    return rows


def start_if_due() -> None:
    """Begin in a thread of its own, when a replayed draft waits for its sets."""
    global _next_look
    if time.monotonic() < _next_look or _busy.locked():
        return
    _next_look = time.monotonic() + LOOK_SECONDS
    if _waiting() is not None:
        threading.Thread(target=run, name="policy-sets", daemon=True).start()


def _waiting() -> PolicyDraft | None:
    return (
        PolicyDraft.objects.filter(
            state__in=[PolicyDraft.State.DRAFT, PolicyDraft.State.ASKED], replay__sets_wanted=True
        )
        .order_by("replayed_at")
        .first()
    )


def run() -> int:
    """Measure what waits; how many drafts. 0 while another process is at it."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            (mine,) = cursor.fetchone() or (False,)
        if not mine:
            return 0
        try:
            while (draft := _waiting()) is not None:
                _keep(draft)
                done += 1
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    except Exception:
        logger.exception("the evaluation sets could not be measured")
    finally:
        connection.close()
        _busy.release()
    return done


def _keep(draft: PolicyDraft) -> None:
    """Store the figures, unless the draft was replayed anew meanwhile; what can't be measured says so."""
    try:
        sets, problem = measure(draft), ""
    except (ScreeningUnavailable, ValueError) as error:
        sets, problem = [], str(error)[:200]
    PolicyDraft.objects.filter(pk=draft.pk, replayed_at=draft.replayed_at).update(
        replay={**draft.replay, "sets": sets, "sets_problem": problem, "sets_wanted": False}
    )
