"""Watch one clip or picture while its frames are made: what every frame check saw, as signals.

Nothing is decided here (decision.py does). Give every frame to `add`, in order. All of them go to the
meters; the first, the last, `samples_per_second` between them and the first frame of every new scene
go to the hash lists and the models. Of the frames that look as if there were text in them a few are
read, and what they say is judged like a prompt. That somebody under 18 is seen is no offence: it makes
the rest strict, and sexual content in the same frame a graver one (child_safety.py). Memory stays flat:
one batch and the frames to be read are held, however long the clip is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from moderation.screening.child_safety import ABUSE_POINT, CHILD_POINT, SEXUAL_POINT
from moderation.screening.collecting import collect_texts
from moderation.screening.frame_cuts import CutMeter
from moderation.screening.frame_signals import FlashMeter, StillnessMeter
from moderation.screening.frame_text import Pages
from moderation.screening.known_hashes import (
    PROVIDER,
    RADIUS,
    VIDEO_SHARE,
    KnownHashes,
    Match,
    VideoTally,
)
from moderation.screening.protocol import (
    HELD,
    Category,
    Frame,
    FrameClassifier,
    Score,
    ScreeningUnavailable,
)
from moderation.screening.signals import Checks, Collected, Inputs, Modality, Signal

# What a clip of people must be judged for by eye; without it the clip is not delivered.
REQUIRED_FOR_PEOPLE = frozenset({Category.SEXUAL})
# What somebody's photograph must be judged for by eye before it may be taken: without all three the
# people in it can't be told from others, nor children from adults.
REQUIRED_FOR_PHOTOGRAPHS = frozenset({Category.SEXUAL, Category.CHILD, Category.LIKENESS})

JUDGED_FRAMES = (
    Category.SEXUAL,
    Category.SEXUAL_MINORS,
    Category.CHILD,
    Category.VIOLENCE_GORE,
    Category.SELF_HARM,
    Category.HATE,
    Category.DECEPTIVE,
    Category.LIKENESS,
)
# Values below this are not worth a row for each frame; the highest of a clip is always kept.
KEPT_FROM = 0.05
MAX_SIGNALS = 2000
MOST_READ = 4
"""Frames of a clip that are read: a tenth of a second of processor time each."""
MOST_WORDS = 60  # of what is read, that goes to the text classifiers
LEAST_WORDS = 3  # a word or two on a sign is judged by the lists alone
MOST_MATCHES = 50
READ = "text in frames"


class FrameScan:
    """What the frame checks see in one clip.

    Raises ScreeningUnavailable on construction when the frames may show people and no classifier
    that can see sexual content is configured, or when there are known hashes and no `hash_frame`.
    """

    def __init__(
        self,
        *,
        checks: Checks,
        draws_people: bool,
        photographs: bool = False,
        subject: str = "output",
        samples_per_second: float = 2.0,
        batch: int = 8,
    ) -> None:
        seen = frozenset[Category]().union(*(c.categories for c in checks.frames))
        if draws_people and REQUIRED_FOR_PEOPLE - seen:
            raise ScreeningUnavailable(
                "This engine can draw people, so a frame classifier that judges sexual content "
                "must be configured."
            )
        if photographs and REQUIRED_FOR_PHOTOGRAPHS - seen:
            raise ScreeningUnavailable(
                "Photographs need models (SORA_VISION_MODELS, SORA_FRAME_CLASSIFIER) that judge "
                "sexual content, children and real people."
            )
        if len(checks.known_hashes) and checks.hash_frame is None:
            raise ScreeningUnavailable("There are known hashes but no function to hash frames.")
        self._hashes = checks.known_hashes
        self._hash_frame = checks.hash_frame
        self._tally = VideoTally(checks.known_hashes)
        self._matched: list[dict[str, Any]] = []
        self._classifiers = checks.frames
        self._checks = checks
        self._seen = seen
        self._subject = subject
        self._interval = 1.0 / samples_per_second
        self._batch = batch
        self._pending: list[tuple[float, Frame]] = []
        self._pages = Pages(MOST_READ)
        self._held: tuple[float, Frame] | None = None  # the latest frame, while not sampled
        self._next_sample: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._broken = ""
        self._stillness = StillnessMeter()
        self._flashes = FlashMeter()
        self._cuts = CutMeter()
        self._signals: list[Signal] = []
        self._highest: dict[tuple[Category, str], Signal] = {}
        self._child = 0.0  # the highest value of a realistic person under 18
        self._sampled = 0
        self._count = 0

    def add(self, index: int, seconds: float, rgb: Frame) -> None:
        """Take one frame. uint8 [h, w, 3]; `seconds` on the clip's own time line, not falling.

        Raises ScreeningUnavailable when a classifier or the hash function fails.
        """
        self._count += 1
        if self._broken:
            return
        self._broken = self._defect(index, rgb)
        if self._broken:
            return
        self._stillness.add(rgb)
        self._flashes.add(seconds, rgb)
        new_scene = self._cuts.add(seconds, rgb)
        if self._next_sample is None or seconds + 1e-6 >= self._next_sample:
            due = seconds if self._next_sample is None else self._next_sample
            self._next_sample = max(due, seconds - self._interval) + self._interval
            self._sample(seconds, rgb.copy())
            self._held = None
        elif new_scene:
            self._sample(seconds, rgb.copy())
            self._held = None
        else:
            self._held = seconds, rgb

    def collected(self) -> Collected:
        """Everything seen. Call once, after the last frame.

        Raises ScreeningUnavailable when a classifier or the hash function fails.
        """
        if self._held is not None and not self._broken:
            self._sample(*self._held)
            self._held = None
        self._flush()
        self._note_videos()
        read = self._read()
        if self._count == 0 or self._broken:
            self._rule(Category.BROKEN_OUTPUT, 1.0, "structure")
        elif self._stillness.blank:
            self._rule(Category.BROKEN_OUTPUT, 1.0, "stillness")
        elif self._stillness.still:
            self._rule(Category.BROKEN_OUTPUT, 0.9, "stillness")
        if self._flashes.dangerous:
            self._rule(Category.PHOTOSENSITIVE, 1.0, "flashes")
        evaluated = ["structure", "stillness", "cuts"]
        not_evaluated: list[str] = []
        (evaluated if self._flashes.reliable else not_evaluated).append("flashes")
        (evaluated if len(self._hashes) else not_evaluated).append("known_hashes")
        reader = self._checks.text_reader
        if reader is None:
            not_evaluated.append("text_in_frames")
        else:
            evaluated.append(f"{reader.name} {reader.version}")
        evaluated += [f"{c.name} {c.version}" for c in self._classifiers]
        not_evaluated += [f"frames:{c.value}" for c in JUDGED_FRAMES if c not in self._seen]
        return Collected(
            signals=self._kept(),
            evaluated=tuple(evaluated),
            not_evaluated=tuple(not_evaluated),
            details={
                "frames": self._count,
                "frames_sampled": self._sampled,
                "defect": self._broken,
                "flash_area": round(self._flashes.peak, 3),
                "flash_seconds": round(self._flashes.peak_seconds, 2),
                "largest_difference": round(self._stillness.largest_difference, 3),
                "cuts": self._cuts.cuts,
                "inserted_frames": self._cuts.inserted,
                "scenes_passed_over": self._cuts.passed_over,
                "hash_matches": self._matched,
                "text_in_frames": read,
                "child": round(self._child, 3),
                "minor_reference": self._child >= CHILD_POINT,
            },
        )

    @property
    def modality(self) -> Modality:
        return "image" if self._count == 1 else "video"

    def _defect(self, index: int, rgb: Frame) -> str:
        if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
            return f"frame {index} is not uint8"
        if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            return f"frame {index} has the shape {rgb.shape}"
        if self._shape is None:
            self._shape = rgb.shape
        if rgb.shape != self._shape:
            return f"frame {index} has another size than the first"
        return ""

    def _sample(self, seconds: float, rgb: Frame) -> None:
        """Look at one frame, a copy of ours."""
        self._sampled += 1
        self._cuts.sampled()
        if len(self._hashes) and self._hash_frame is not None:
            try:
                matches = self._hashes.matches(self._hash_frame(rgb))
            except Exception as error:
                raise ScreeningUnavailable(f"the frame hash failed: {error}") from error
            self._tally.add(matches)
            for match in matches:
                if match.video < 0:
                    self._known(match, seconds)
        if self._checks.text_reader is not None:
            self._pages.add(seconds, rgb)
        if self._classifiers:
            self._pending.append((seconds, rgb))
            if len(self._pending) >= self._batch:
                self._flush()

    def _known(self, match: Match, seconds: float | None) -> None:
        """A listed picture or video. What floods is not confirmed any more: it is held, or, of a bank
        of child abuse, refused without the weight of a confirmed match."""
        abuse = match.provider == PROVIDER
        value = HELD if match.quarantined and not abuse else 1.0
        provider = "hashes:quarantined" if match.quarantined and abuse else match.provider
        self._rule(Category.KNOWN_CONTENT, value, provider, seconds)
        if match.entry and len(self._matched) < MOST_MATCHES:
            found = {"bank": match.bank, "entry": match.entry, "distance": match.distance}
            if all(found["entry"] != other["entry"] for other in self._matched):
                self._matched.append(found)

    def _note_videos(self) -> None:
        """A stored video counts with half of its frames or of the clip's; less is for a person."""
        for match, share in self._tally.results():
            self._known(match if share >= VIDEO_SHARE else replace(match, quarantined=True), None)

    def _read(self) -> str:
        """Read the frames that were kept, judge what they say, and return it, shortened."""
        reader = self._checks.text_reader
        pages = self._pages.take()
        if reader is None or not pages or self._broken:
            return ""
        try:
            lines = reader.read([page.frame for page in pages])
        except ScreeningUnavailable:
            raise
        except Exception as error:
            raise ScreeningUnavailable(f"{reader.name} failed: {error}") from error
        if len(lines) != len(pages):
            raise ScreeningUnavailable(f"{reader.name} did not answer for every frame")
        said: dict[str, float] = {}
        for page, found in zip(pages, lines, strict=True):
            text = " ".join(" ".join(line.text for line in found).split()[:MOST_WORDS])
            if text:
                said.setdefault(text, page.seconds)
        for text, seconds in said.items():
            asked = self._checks if len(text.split()) >= LEAST_WORDS else Checks()
            for signal in collect_texts(Inputs(prompt=text), asked).signals:
                if signal.category != Category.LANGUAGE:
                    self._note(replace(signal, frame_seconds=round(seconds, 3), subject=READ))
        return " / ".join(said)[:500]

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        frames = [frame for _, frame in pending]
        for classifier in self._classifiers:
            for (seconds, _), answer in zip(pending, _scores(classifier, frames), strict=True):
                child, scores = read_together(answer)
                self._child = max(self._child, child)
                for score in scores:
                    value = score.value if math.isfinite(score.value) else 1.0
                    self._note(
                        Signal(
                            provider=score.source or classifier.name,
                            version=classifier.version[:80],
                            category=score.category,
                            value=value,
                            frame_seconds=round(seconds, 3),
                            scale="probability",
                            subject=self._subject,
                        )
                    )

    def _rule(
        self, category: Category, value: float, provider: str, seconds: float | None = None
    ) -> None:
        at = None if seconds is None else round(seconds, 3)
        self._note(
            Signal(
                provider,
                "1",
                category,
                value,
                frame_seconds=at,
                scale="rule",
                subject=self._subject,
            )
        )

    def _note(self, signal: Signal) -> None:
        key = signal.category, signal.provider
        if key not in self._highest or signal.value > self._highest[key].value:
            self._highest[key] = signal
        if signal.value >= KEPT_FROM and len(self._signals) < MAX_SIGNALS:
            self._signals.append(signal)

    def _kept(self) -> tuple[Signal, ...]:
        """Bounded: every noted frame up to MAX_SIGNALS, and the highest of each check in any case."""
        listed = [*self._signals]
        known = set(map(id, listed))
        listed += [signal for signal in self._highest.values() if id(signal) not in known]
        modality = self.modality
        return tuple(
            signal if signal.subject == READ else replace(signal, modality=modality)
            for signal in listed
        )


def scan(
    frames: Iterable[tuple[float, Frame]],
    checks: Checks,
    *,
    draws_people: bool,
    photographs: bool,
    subject: str,
    samples_per_second: float = 2.0,
) -> Collected:
    """FrameScan over frames that exist already."""
    watch = FrameScan(
        checks=checks,
        draws_people=draws_people,
        photographs=photographs,
        subject=subject,
        samples_per_second=samples_per_second,
    )
    for index, (seconds, frame) in enumerate(frames):
        watch.add(index, seconds, frame)
    return watch.collected()


def read_together(scores: Sequence[Score]) -> tuple[float, list[Score]]:
    """(highest value of a child, the other scores of one frame, with what both mean together).

    That somebody looks under 18 is no offence, so it reaches no table of points. A child and sexual
    content in the same frame are one: that is passed on as sexual_minors, which every profile refuses.
    """
    child, sexual = (
        max(
            (s.value if math.isfinite(s.value) else 1.0 for s in scores if s.category == c),
            default=0,
        )
        for c in (Category.CHILD, Category.SEXUAL)
    )
    others = [score for score in scores if score.category != Category.CHILD]
    if child >= CHILD_POINT and sexual >= SEXUAL_POINT:
        value = max(ABUSE_POINT, min(child, sexual))
        others.append(Score(Category.SEXUAL_MINORS, value, "child_safety"))
    return child, others


def _scores(classifier: FrameClassifier, frames: list[Frame]) -> list[list[Any]]:
    try:
        answers = classifier.score_frames(frames)
    except ScreeningUnavailable:
        raise
    except Exception as error:
        raise ScreeningUnavailable(f"{classifier.name} failed: {error}") from error
    if len(answers) != len(frames):
        raise ScreeningUnavailable(f"{classifier.name} answered for {len(answers)} frames")
    return answers


def known(hashes: Iterable[bytes] | KnownHashes, *, radius: int = RADIUS) -> KnownHashes:
    """A list of hashes as KnownHashes."""
    return hashes if isinstance(hashes, KnownHashes) else KnownHashes(hashes, radius=radius)
