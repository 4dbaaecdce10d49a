"""The tables of this app, one file per idea."""

from generation.models.chores import Chore, ChoreQuerySet
from generation.models.jobs import Generation, GenerationQuerySet, SafetyCheck, StageTiming
from generation.models.library import Draft, Favourite, Folder, FolderEntry, StylePreset
from generation.models.policies import PolicyActivation, PolicyVersion
from generation.models.probing import Friction, RequestTrace
from generation.models.queue import FairShare, QueueClock, WorkerBeat
from generation.models.receipts import Receipt, ReceiptQuerySet
from generation.models.sources import Source
from generation.models.uploads import Upload, UploadAgreement, UploadFingerprint
from generation.models.videos import Fingerprint, Video, VideoQuerySet

__all__ = [
    "Chore",
    "ChoreQuerySet",
    "Draft",
    "FairShare",
    "Favourite",
    "Fingerprint",
    "Folder",
    "FolderEntry",
    "Friction",
    "Generation",
    "GenerationQuerySet",
    "PolicyActivation",
    "PolicyVersion",
    "QueueClock",
    "Receipt",
    "ReceiptQuerySet",
    "RequestTrace",
    "SafetyCheck",
    "Source",
    "StageTiming",
    "StylePreset",
    "Upload",
    "UploadAgreement",
    "UploadFingerprint",
    "Video",
    "VideoQuerySet",
    "WorkerBeat",
]
