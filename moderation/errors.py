"""What moderation refuses, as API codes."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class UnknownReason(SoraError):
    code = "unknown_reason"
    http_status = 400
    param = "reason"
    message = "Choose one of the listed reasons."


class DetailsTooLong(SoraError):
    code = "details_too_long"
    http_status = 400
    param = "details"
    message = "The details are too long."
    remedy = "Keep them within 1000 characters."


class CaseClosed(SoraError):
    code = "case_closed"
    http_status = 409
    message = "Somebody has already decided this case."
    remedy = "Open the queue again to see the decision."


class NoteMissing(SoraError):
    code = "note_missing"
    http_status = 400
    param = "note"
    message = "Write down why. The note is kept with the decision."
