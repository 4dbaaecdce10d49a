"""What the feeds refuse, as API codes."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class NotShareable(SoraError):
    """The clip exists for its workspace only and has to stay there."""

    code = "not_shareable"
    http_status = 409
    message = "This clip can't be shared."
    remedy = "It stays in your library. The rules page says what may be shared."
