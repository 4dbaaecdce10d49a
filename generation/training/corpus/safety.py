"""The pretraining filter: what a model must not learn from, by words and by pictures.

The same checks as before and after a generation (`moderation.screening`), stricter in one way: what
would only be delivered with a warning is left out too, unless the run file keeps it. A check that
can't run leaves the clip out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generation.provenance.fingerprint import hash_frames
from generation.training.corpus.manifest import Item, Refused
from generation.training.corpus.settings import CorpusSettingsError, SafetySettings, named
from moderation.screening import panel
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.protocol import Category, Frame, ScreeningUnavailable, Verdict

_QUALITY = {Category.BROKEN_OUTPUT: "still or blank", Category.PHOTOSENSITIVE: "flashing"}


class Safety:
    """All classifiers of one build, made once. Raises CorpusSettingsError for a name that fails."""

    def __init__(self, settings: SafetySettings) -> None:
        self._keep_guarded = settings.keep_guarded
        made = (
            named(name, "corpus.safety.text_classifiers")() for name in settings.text_classifiers
        )
        self._texts = (*panel.default_text_classifiers(), *made)
        self._frames = None
        if settings.frame_classifier:
            make = named(settings.frame_classifier, "corpus.safety.frame_classifier")
            self._frames = make(**settings.frame_options)
        self._known = KnownHashes(_hashes(settings.known_hashes))

    @property
    def names(self) -> list[str]:
        """Name and version of everything that judges."""
        judges = [*self._texts, *([self._frames] if self._frames is not None else [])]
        return [f"{judge.name} {judge.version}" for judge in judges]

    def check_captions(self, texts: Iterable[str]) -> None:
        """Raises Refused (unsafe caption, not screened)."""
        for text in texts:
            try:
                verdict = panel.review_prompt(text, classifiers=self._texts)
            except ScreeningUnavailable as error:
                raise Refused("not screened", str(error)) from error
            self._judge(verdict, "unsafe caption")

    def frames_of(self, item: Item) -> panel.FrameReview:
        """Takes every frame of the item. Raises Refused where nobody could judge people."""
        people = item.shows_people is not False and not item.seed
        try:
            return panel.FrameReview(
                draws_people=people,
                known_hashes=self._known,
                hash_frame=_hash,
                classifier=self._frames,
            )
        except ScreeningUnavailable as error:
            raise Refused(
                "not screened",
                "it may show people: set corpus.safety.frame_classifier, or shows_people = false",
            ) from error

    def check_frames(self, review: panel.FrameReview) -> None:
        """Raises Refused (unsafe frames, flashing, still or blank, not screened)."""
        try:
            verdict = review.verdict()
        except ScreeningUnavailable as error:
            raise Refused("not screened", str(error)) from error
        for category, code in _QUALITY.items():
            if category.value in verdict.categories:
                raise Refused(code)
        self._judge(verdict, "unsafe frames")

    def _judge(self, verdict: Verdict, code: str) -> None:
        if verdict.action == "refuse" or (verdict.action == "guard" and not self._keep_guarded):
            raise Refused(code, ", ".join(verdict.categories))


def _hash(frame: Frame) -> bytes:
    return hash_frames([frame])[0]


def _hashes(path: str) -> list[bytes]:
    if not path:
        return []
    try:
        return [bytes.fromhex(line) for line in Path(path).read_text().split()]
    except (OSError, ValueError) as error:
        raise CorpusSettingsError(
            f"corpus.safety.known_hashes: {path} is no readable file of hashes in hex ({error})."
        ) from error
