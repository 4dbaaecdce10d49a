"""Where the queue and its workers stand."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Workspace


class FairShare(models.Model):
    """Where a workspace stands in the fair queue: the virtual finish time of its last job."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="fair_share")
    last_tag = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.last_tag:.1f}"


class QueueClock(models.Model):
    """The fair queue's virtual time: the tag of the job claimed last. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    virtual_time = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="queueclock_single")]

    def __str__(self) -> str:
        return f"{self.virtual_time:.1f}"


class WorkerBeat(models.Model):
    """The last sign of life of each worker process; readiness and estimates read it."""

    name = models.CharField(max_length=120, primary_key=True)
    engine = models.CharField(max_length=80, blank=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
