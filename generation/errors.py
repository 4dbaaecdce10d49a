"""What may go wrong between a request and its clip, as the caller sees it."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class IllegalTransition(Exception):
    """A programming error: this status never follows that one."""


class InvalidRequest(SoraError):
    code = "invalid_request"
    http_status = 400
    message = "The request can't be read."


class InvalidPromptText(InvalidRequest):
    code = "invalid_prompt"
    param = "prompt"
    message = "The prompt can't be used as it is."


class InvalidSize(InvalidRequest):
    code = "unsupported_value"
    message = "The loaded engine can't make this."


class InvalidEdit(InvalidRequest):
    """`param` names the card of the plan."""

    code = "invalid_edit"
    message = "This edit can't be made."


class DraftChanged(SoraError):
    """`version` in the body is the one that is stored now."""

    code = "draft_changed"
    http_status = 409
    param = "version"
    message = "This draft was saved in another window meanwhile."
    remedy = "Read it again, or save yours as a new draft."


class TooManyDrafts(SoraError):
    code = "too_many_drafts"
    http_status = 409
    message = "There are too many drafts."
    remedy = "Delete drafts you no longer need."


class EditNotRevertible(SoraError):
    """A change of the rewriter that stays: it took a name out, or there is no such change."""

    code = "edit_not_revertible"
    http_status = 422
    param = "edits"
    message = "This change of the prompt can't be taken back."
    remedy = "Only changes marked as revertible can be."


class PromptRefused(SoraError):
    """The prompt breaks a content policy. Never says which word matched."""

    code = "prompt_refused"
    http_status = 422
    param = "prompt"
    message = "This prompt can't be generated under our usage policies."
    remedy = "Change what the prompt describes. The rules page explains each policy."


class CoolingDown(SoraError):
    """A short pause after several refusals; `until` and `retry_after` (seconds) say how long."""

    code = "cooling_down"
    http_status = 429
    param = "prompt"
    message = "You can ask for videos again in a few minutes."
    remedy = "Several of your last prompts were refused, so there is a short pause."


class PlanLimit(SoraError):
    code = "plan_limit"
    http_status = 402
    message = "Your plan does not include this."
    remedy = "Choose a smaller size or a shorter clip, or change the plan."


class TooManyOpen(SoraError):
    code = "too_many_open"
    http_status = 429
    message = "Too many of your videos are waiting."
    remedy = "Wait until one has finished, or cancel one."


class KeyReused(SoraError):
    code = "idempotency_key_reused"
    http_status = 409
    param = "Idempotency-Key"
    message = "This Idempotency-Key belongs to another request."
    remedy = "Send a new key with a changed request."


class EngineUnavailable(SoraError):
    code = "engine_unavailable"
    http_status = 503
    message = "The video engine is not set up."
    remedy = "The operator must set SORA_MODEL_DIR to a model folder."


class NotCancellable(SoraError):
    code = "not_cancellable"
    http_status = 409
    message = "This video has already ended."


class InvalidFile(SoraError):
    code = "invalid_file"
    http_status = 400
    param = "file"
    message = "This file can't be read as a video or an image."
    remedy = "Send an MP4, PNG, JPEG or WebP file within the stated bounds."


class UploadsOff(SoraError):
    code = "uploads_off"
    http_status = 403
    message = "This site takes no uploads."
    remedy = "Describe what you want to see, or start from a clip made here."


class UploadAgreementRequired(SoraError):
    """Carries where the text stands."""

    code = "upload_agreement_required"
    http_status = 403
    message = "Before the first upload you have to accept the upload agreement."
    remedy = "Read and accept it at /uploads/agreement/, or POST /api/v1/upload-agreement/."


class UnsupportedFile(SoraError):
    """`reason` is one of UPLOAD_REASONS."""

    code = "unsupported_file"
    http_status = 415
    param = "file"
    message = "This kind of file isn't taken."
    remedy = "Send a PNG, JPEG, WebP or HEIC picture, or an MP4, MOV or WebM video."


class UploadTooLarge(SoraError):
    code = "upload_too_large"
    http_status = 413
    param = "size_bytes"
    message = "The file is too large."
    remedy = "Make it smaller or shorter, and send it again."


class StorageFull(SoraError):
    code = "upload_storage_full"
    http_status = 409
    param = "size_bytes"
    message = "The workspace has no room for more uploads."
    remedy = "Delete uploads you no longer need; the trash counts too."


class OffsetMismatch(SoraError):
    """`offset` says how many bytes have come."""

    code = "upload_offset"
    http_status = 409
    param = "Upload-Offset"
    message = "The piece doesn't follow what has come so far."
    remedy = "Go on from `offset`."


class UploadClosed(SoraError):
    code = "upload_closed"
    http_status = 409
    message = "This upload takes no more bytes."
    remedy = "Look at its status; start a new upload for another file."


class UploadInUse(SoraError):
    code = "upload_in_use"
    http_status = 409
    message = "A clip refers to this upload as its source."
    remedy = "Leave it in the trash; nobody can use it from there."


class FolderNameTaken(SoraError):
    code = "folder_name_taken"
    http_status = 409
    param = "name"
    message = "There is a folder of this name."
    remedy = "Choose another name."


class NotAnArchive(InvalidFile):
    code = "invalid_archive"
    message = "This isn't an archive that an export of ours wrote."
    remedy = "Send the file of an export as it was downloaded, unpacked and repacked by nobody."


class TooManyChores(SoraError):
    code = "too_many_chores"
    http_status = 429
    message = "Enough of your files are being prepared."
    remedy = "Wait until one is ready."


class SourceGone(Exception):
    """What an edit is made from was taken down, thrown away or closed meanwhile. Ends the job."""


# Why a job ended without a clip: code -> (what the user reads, what to do). Stored as the code only.
JOB_REASONS: dict[str, tuple[str, str]] = {
    "engine_failed": (
        "The engine could not make this video.",
        "Try again; a different seed or size may help. Nothing was charged.",
    ),
    "out_of_memory": (
        "The machine ran out of memory while making this video.",
        "Choose a smaller size or a shorter clip. Nothing was charged.",
    ),
    "model_too_large": (
        "The video engine's model doesn't fit the worker's memory.",
        "The operator must choose a smaller model or turn offloading on (SORA_ENGINE_OPTIONS). "
        "Nothing was charged.",
    ),
    "model_missing": (
        "The video engine is not set up on the worker.",
        "The operator must set SORA_MODEL_DIR. Nothing was charged.",
    ),
    "source_gone": (
        "A clip or picture this edit uses is no longer available.",
        "Choose another source. Nothing was charged.",
    ),
    "screening_unavailable": (
        "A safety check could not run, so nothing was delivered.",
        "Try again later; the operator has been told. Nothing was charged.",
    ),
    "encoding_failed": (
        "The video could not be written.",
        "Try again; the operator has been told. Nothing was charged.",
    ),
    "storage_full": (
        "There was no room to store the video.",
        "The operator must free space in the data folder. Nothing was charged.",
    ),
    "storage_failed": (
        "The video could not be stored.",
        "The operator must check the data folder. Nothing was charged.",
    ),
    "internal_error": (
        "Something failed on our side.",
        "Try again; the operator has been told. Nothing was charged.",
    ),
    "signing_failed": (
        "Content Credentials could not be signed, so nothing was delivered.",
        "The operator must check the signing certificate and key. Nothing was charged.",
    ),
    "worker_lost": (
        "The worker stopped three times while making this video.",
        "Try again later; the operator has been told. Nothing was charged.",
    ),
    "cancelled": ("You cancelled this video.", "Nothing was charged."),
    "held_for_review": (
        "A person looks at this video before anybody gets it.",
        "You don't have to do anything. It is charged only if you get it.",
    ),
    "held_refused": (
        "A person looked at this video, and it can't be delivered under our rules.",
        "Change what the prompt describes. Nothing was charged.",
    ),
    "account_suspended": (
        "The account was suspended before the video was finished.",
        "Nothing was charged.",
    ),
}

# Why a chore gave nothing: code -> what the user reads.
CHORE_REASONS: dict[str, str] = {
    "gone": "The clip was removed meanwhile.",
    "worker_lost": "The worker stopped several times while it worked on this. Try again later.",
    "signing_failed": "Content Credentials could not be signed, so nothing was made.",
    "storage_full": "There was no room for the file. The operator must free space.",
    "unreadable": "The file could not be read.",
    "internal_error": "Something failed on our side. Try again; the operator has been told.",
}

# Why an upload can't be used: code -> (what the user reads, what to do). Stored as the code only; the
# code of a rule (moderation.policies) may stand there too.
UPLOAD_REASONS: dict[str, tuple[str, str]] = {
    "empty": ("The file is empty.", "Choose another one."),
    "unsupported_type": (
        "This isn't a PNG, JPEG, WebP, HEIC, MP4, MOV or WebM file.",
        "Save it in one of these formats and send it again.",
    ),
    "animated": (
        "GIF files and animated pictures aren't taken.",
        "Save one picture as PNG, or the film as MP4.",
    ),
    "avif": ("AVIF pictures aren't read here.", "Export the picture as PNG or JPEG."),
    "container": ("AVI and MKV files aren't taken.", "Save the video as MP4 or WebM."),
    "document": (
        "This is a document, a web page or an SVG drawing.",
        "Export the picture as PNG.",
    ),
    "archive": ("This is an archive.", "Unpack it and send the picture or video in it."),
    "unsupported_codec": (
        "The video is coded in a way that isn't taken.",
        "Save it as MP4 with H.264.",
    ),
    "unreadable": (
        "The file is damaged, or isn't what it says.",
        "Open it in an image or video program, save it anew, and send that.",
    ),
    "damaged_in_transit": ("Bytes of the file are missing.", "Send it again."),
    "no_video": ("There is no video in this file.", "Sound alone can't be used."),
    "resolution_change": (
        "The picture size changes inside the video.",
        "Save the video anew at one size.",
    ),
    "too_big": ("The file is too large.", "Make it smaller or shorter."),
    "too_long": ("The video is too long.", "Cut out the part you need."),
    "too_large": ("The picture has too many pixels.", "Make it smaller."),
    "too_small": (
        "The picture is too small.",
        "It needs 16 pixels or more on each side.",
    ),
    "too_many_frames": (
        "The video has too many frames.",
        "Save it with 60 frames a second or fewer.",
    ),
    "too_many_streams": (
        "The file has too many tracks.",
        "Save it with one video track.",
    ),
    "too_slow": ("Reading this file takes too long.", "Save it as MP4 (H.264) or PNG."),
    "photograph": (
        "This is, or looks like, a photograph or filmed material. This site can't tell people in "
        "photographs from others, so it takes none.",
        "Send a drawing in flat colours, or a clip made here, as it was downloaded.",
    ),
    "our_clip_altered": (
        "This looks like a clip made here, but its credentials are gone.",
        "Choose the clip from the library, or send the file as it was downloaded.",
    ),
    "removed_clip": (
        "This looks like something that was removed here under the rules.",
        "Use something else. If you think the removal was a mistake, ask for a review there.",
    ),
    "not_remixable": (
        "This clip's owner doesn't let others start from it.",
        "Use another clip.",
    ),
    "account_suspended": ("The account was suspended before the file was checked.", ""),
    "flat_colour": ("The picture shows one flat colour.", "Send one with something in it."),
    "screening_unavailable": (
        "A safety check could not run, so the file was not taken.",
        "Try again later; the operator has been told.",
    ),
    "worker_lost": (
        "The worker stopped three times while checking this file.",
        "Try again later; the operator has been told.",
    ),
    "sandbox": (
        "Files can't be read safely on this machine.",
        "The operator must allow Landlock and seccomp (docs/operations.md).",
    ),
    "storage_failed": (
        "The file could not be stored.",
        "Try again later; the operator must check the data folder.",
    ),
    "internal_error": ("Something failed on our side.", "Try again; the operator has been told."),
}
