"""What the feeds refuse, as API codes."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class NotShareable(SoraError):
    """The clip exists for its workspace only and has to stay there."""

    code = "not_shareable"
    http_status = 409
    message = "This clip can't be shared."
    remedy = "It stays in your library. The rules page says what may be shared."


class NotFeaturable(SoraError):
    """A clip that may not stand in Featured or Rising, with the reason for the curator."""

    code = "not_featurable"
    http_status = 409
    message = "This clip can't be shown there."
    remedy = "Choose another clip, or come back when the reason is gone."


class AnotherCurator(SoraError):
    """The second yes has to come from somebody else than the first."""

    code = "another_curator"
    http_status = 409
    message = "You proposed this clip, so somebody else has to approve it."
    remedy = "Ask another curator to look at it."


class NotWithYourself(SoraError):
    """Following, blocking or muting oneself."""

    code = "not_with_yourself"
    http_status = 409
    message = "That's you."
    remedy = "Choose somebody else."


class Blocked(SoraError):
    """One of the two has blocked the other."""

    code = "blocked"
    http_status = 409
    message = "You can't follow somebody you blocked."
    remedy = "Take the block back first."


class TextRefused(SoraError):
    """A public text breaks a content policy, or can't be read. Never says which word matched."""

    code = "text_refused"
    http_status = 422
    message = "This text can't be shown to others under our usage policies."
    remedy = "Say it in other words."


class NothingInIt(SoraError):
    """A sentence, a topic or a search without a word the lists could look for."""

    code = "no_words"
    http_status = 400
    message = "There is no word in this that we could look for."
    remedy = "Name things a clip can show, such as “forest” or “hand-drawn”."


class TooMany(SoraError):
    """One person keeps at most so many topics, collections, or clips in one."""

    code = "too_many"
    http_status = 409
    message = "You have reached the number you may keep of these."
    remedy = "Delete one you no longer need."
