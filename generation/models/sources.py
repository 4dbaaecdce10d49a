"""What an edit is made from: the clips and uploads its plan refers to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from generation.models.jobs import Generation
from generation.models.uploads import Upload
from generation.models.videos import Video


class Source(models.Model):
    """One clip or upload a job reads. Written with the job; read again before the work starts."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    generation = models.ForeignKey(Generation, models.CASCADE, related_name="sources")
    video = models.ForeignKey(Video, models.PROTECT, null=True, related_name="used_by")
    upload = models.ForeignKey(Upload, models.PROTECT, null=True, related_name="used_by")
    relationship = models.CharField(max_length=12)  # C2PA: parentOf, componentOf or inputTo

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(video=None, upload__isnull=False) | Q(upload=None, video__isnull=False),
                name="source_is_one_thing",
            ),
            models.UniqueConstraint(
                fields=["generation", "video", "upload"],
                name="source_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} from {self.video_id or self.upload_id}"
