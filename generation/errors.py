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


class PromptRefused(SoraError):
    """The prompt breaks a content policy. Never says which word matched."""

    code = "prompt_refused"
    http_status = 422
    param = "prompt"
    message = "This prompt can't be generated under our usage policies."
    remedy = "Change what the prompt describes. The rules page explains each policy."


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
    "model_missing": (
        "The video engine is not set up on the worker.",
        "The operator must set SORA_MODEL_DIR. Nothing was charged.",
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
