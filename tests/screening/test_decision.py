"""The decision service: every stage, profile and zone; what no policy loosens; replay."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from moderation.screening.decision import (
    STAGES,
    Checks,
    Decision,
    Inputs,
    Signal,
    borderline,
    conclude,
    decide,
    points_for,
    redecide,
)
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.policy import (
    FIXED,
    Policy,
    PolicyProblem,
    default_policy,
    diff,
    with_changes,
)
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable
from moderation.screening.thresholds import PROFILES, UnknownProfile

POLICY = default_policy()
RANK = {"allow": 0, "guard": 1, "hold": 2, "refuse": 3}
ALL_SET_UP: dict[str, Any] = {"absent": []}


class Text:
    """A text classifier that always answers the same, or fails."""

    name, version = "text", "1"

    def __init__(self, *scores: Score, error: Exception | None = None) -> None:
        self.scores, self.error = list(scores), error
        self.categories = frozenset(s.category for s in scores)
        self.asked: list[str] = []

    def score(self, text: str) -> list[Score]:
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        return self.scores

    def examples(self) -> list[tuple[str, Category, bool]]:
        return []


class Joint:
    name, version = "joint", "1"
    categories = frozenset({Category.DECEPTIVE})

    def __init__(self, value: float) -> None:
        self.value = value
        self.seen: list[tuple[str, str, int, int]] = []

    def review(
        self,
        prompt: str,
        rewritten: str,
        uploads: Sequence[Sequence[Frame]],
        frames: Sequence[Frame],
    ) -> list[Score]:
        self.seen.append((prompt, rewritten, len(uploads), len(frames)))
        return [Score(Category.DECEPTIVE, self.value, self.name)]


class Eye:
    name, version = "eye", "1"
    categories = frozenset({Category.SEXUAL, Category.SEXUAL_MINORS, Category.LIKENESS})

    def __init__(self, *values: float, category: Category = Category.SEXUAL) -> None:
        self.values, self.category, self.count = values, category, 0

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        answers = []
        for _ in frames:
            value = self.values[min(self.count, len(self.values) - 1)]
            answers.append([Score(self.category, value, self.name)])
            self.count += 1
        return answers

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []


def signal(category: Category, value: float, **fields: Any) -> Signal:
    return Signal("text", "1", category, value, **fields)


def decided(*signals: Signal, profile: str = "default", policy: Policy = POLICY, **details: Any):
    return redecide(signals, profile=profile, policy=policy, details={**ALL_SET_UP, **details})


def moving(count: int = 12) -> list[tuple[float, Frame]]:
    frames = []
    for index in range(count):
        frame = np.full((36, 64, 3), 90, np.uint8)
        frame[:, (index * 5) % 60 : (index * 5) % 60 + 6] = 200
        frames.append((index / 4, frame))
    return frames


# --- Zones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("scale", ["share", "probability"])
def test_every_zone_of_every_profile_at_every_stage(stage: str, profile: str, scale: str) -> None:
    for category in Category:
        points = POLICY.points(profile, category, scale=scale)  # type: ignore[arg-type]
        lowest = "guard" if profile in POLICY.rules.monitored else "allow"
        for value, wanted in (
            (points.guard - 0.01, lowest),
            (points.guard, "refuse" if points.guard == points.refuse else "guard"),
            (points.refuse - 1e-6, "guard" if points.guard < points.refuse else lowest),
            (points.refuse, "refuse"),
            (1.0, "refuse"),
            (float("nan"), "refuse"),
        ):
            found = conclude(
                stage,
                [signal(category, value, scale=scale)],
                profile=profile,
                policy=POLICY,
                details=dict(ALL_SET_UP),
            )
            assert found.action == wanted, (category, value)
            assert (found.stage, found.policy_version) == (stage, POLICY.version)


def test_the_budgets_of_the_profiles_are_the_published_ones() -> None:
    budget = {
        name: (
            round(1 - POLICY.points(name, Category.HATE).refuse, 3),
            round(1 - POLICY.points(name, Category.HATE).guard, 3),
        )
        for name in PROFILES
    }

    assert budget["upload"] == (0.05, 0.15)
    assert budget["people_upload"][0] == budget["feed"][0] == 0.10
    assert budget["default"] == budget["api"] == budget["minor_referenced"]
    strict = POLICY.points("minor_referenced", Category.SELF_HARM)
    assert (round(1 - strict.refuse, 3), round(1 - strict.guard, 3)) == (0.10, 0.20)


def test_a_category_can_be_held_for_a_person() -> None:
    policy = with_changes(
        POLICY,
        {"profiles": {"default": {"harassment": {"guard": 0.9, "hold": 0.95, "refuse": 0.99}}}},
        version="held",
    )

    assert decided(signal(Category.HARASSMENT, 0.96), policy=policy).action == "hold"
    assert decided(signal(Category.HARASSMENT, 0.995), policy=policy).action == "refuse"


def test_people_uploads_are_never_plainly_allowed() -> None:
    found = decided(profile="people_upload")

    assert (found.action, found.details["monitored"]) == ("guard", True)


def test_an_unknown_profile_is_an_error_and_never_a_looser_one() -> None:
    with pytest.raises(UnknownProfile):
        decide("prompt", Inputs(prompt="a lamp"), profile="lenient", policy=POLICY, checks=Checks())


def test_old_profile_names_are_read() -> None:
    stored = {"action": "guard", "profile": "minor_present", "scores": [], "reasons": ["sexual"]}

    assert Decision.from_json(stored).profile == "minor_referenced"


# --- Minors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("scale", ["share", "probability"])
def test_sexual_content_from_the_guard_point_beside_a_minor_is_refused_everywhere(
    profile: str, scale: str
) -> None:
    points = points_for(POLICY, profile, Category.SEXUAL, scale=scale, minors=True)  # type: ignore[arg-type]

    found = decided(
        signal(Category.SEXUAL, points.guard, scale=scale), profile=profile, minor_reference=True
    )

    assert found.action == "refuse"
    assert found.reasons == ("sexual_minors",)


def test_a_minor_in_the_prompt_makes_the_rewritten_text_and_the_profile_strict() -> None:
    violent = Text(Score(Category.VIOLENCE_GORE, 0.92, "text"))

    found = decide(
        "rewritten",
        Inputs(prompt="a boy with a lamp", rewritten="somebody with a lamp"),
        profile="default",
        policy=POLICY,
        checks=Checks(texts=(violent,)),
    )

    assert (found.action, found.profile) == ("refuse", "minor_referenced")


def test_a_minor_found_by_an_earlier_stage_makes_frames_strict() -> None:
    def action(minors: bool) -> str:
        return decide(
            "output",
            Inputs(frames=moving(), draws_people=True, minor_reference=minors),
            profile="default",
            policy=POLICY,
            checks=Checks(frames=(Eye(0.3),)),
        ).action

    assert (action(False), action(True)) == ("allow", "refuse")


def test_the_reference_makes_no_stricter_profile_looser() -> None:
    for profile, category in itertools.product(PROFILES, Category):
        plain = points_for(POLICY, profile, category)
        minors = points_for(POLICY, profile, category, minors=True)
        assert minors.refuse <= plain.refuse and minors.guard <= plain.guard


# --- Original and rewritten -----------------------------------------------------------------------


def texts(prompt: str, rewritten: str, *classifiers: Text, profile: str = "default") -> Decision:
    return decide(
        "rewritten",
        Inputs(prompt=prompt, rewritten=rewritten),
        profile=profile,
        policy=POLICY,
        checks=Checks(texts=classifiers, elsewhere=frozenset({"joint", "frames"})),
    )


class ByText(Text):
    """Scores one category by what stands in the text."""

    def __init__(self, word: str, category: Category, value: float) -> None:
        super().__init__(Score(category, value, "text"))
        self.word = word

    def score(self, text: str) -> list[Score]:
        self.asked.append(text)
        hit = self.word in text
        return [Score(s.category, s.value if hit else 0.0, "text") for s in self.scores]


@pytest.mark.parametrize(
    ("category", "value", "action"),
    [
        (Category.HATE, 0.99, "guard"),  # would have refused: what is drawn is looked at twice
        (Category.HATE, 0.95, "allow"),
        (Category.LIKENESS, 0.99, "allow"),  # the rewriter took the name out
        (Category.INTELLECTUAL_PROPERTY, 0.99, "allow"),
    ],
)
def test_what_stands_only_in_the_original_does_not_refuse(
    category: Category, value: float, action: str
) -> None:
    found = texts("a known name waves", "a politician waves", ByText("known", category, value))

    assert found.action == action


def test_what_the_rewritten_text_still_says_refuses() -> None:
    assert texts("x", "known", ByText("known", Category.HATE, 0.99)).action == "refuse"


def test_child_safety_in_the_original_refuses_whatever_was_rewritten() -> None:
    found = texts("a boy, topless dancer", "a lamp on a table", ByText("-", Category.HATE, 0.0))

    assert (found.action, found.reasons) == ("refuse", ("sexual_minors",))


def test_a_text_the_rewriter_left_alone_is_read_once() -> None:
    classifier = Text(Score(Category.HATE, 0.1, "text"))

    texts("a lamp", "a lamp", classifier)

    assert classifier.asked == ["a lamp"]


def test_cards_are_read_alone_and_together() -> None:
    classifier = ByText("one two", Category.HATE, 0.99)

    found = decide(
        "rewritten",
        Inputs(prompt="one two", rewritten="one two", cards=(("one", "one"), ("two", "two"))),
        profile="default",
        policy=POLICY,
        checks=Checks(texts=(classifier,)),
    )

    assert found.action == "refuse"
    assert set(classifier.asked) == {"one two", "one", "two"}


# --- Absent filters ---------------------------------------------------------------------------


def test_an_absent_filter_tightens_and_the_decision_says_so() -> None:
    value = POLICY.points("default", Category.DECEPTIVE).refuse - 0.001
    classifier = Text(Score(Category.DECEPTIVE, value, "text"))

    def found(**there: Any) -> Decision:
        return decide(
            "prompt",
            Inputs(prompt="a lamp"),
            profile="default",
            policy=POLICY,
            checks=Checks(texts=(classifier,), **there),
        )

    with_llm = found(elsewhere=frozenset({"joint"}))
    without = found()

    assert (with_llm.action, without.action) == ("guard", "refuse")
    assert without.details["absent"] == ["joint", "frames"]
    assert with_llm.details["absent"] == ["frames"]


def test_the_joint_stage_hands_everything_to_the_reviewer() -> None:
    reviewer = Joint(0.9)
    picture = np.zeros((4, 4, 3), np.uint8)

    found = decide(
        "joint",
        Inputs(
            prompt="a",
            rewritten="b",
            uploads=((picture,),),
            frames=[(0.0, picture), (1.0, picture)],
        ),
        profile="default",
        policy=POLICY,
        checks=Checks(joint=(reviewer,)),
    )

    assert reviewer.seen == [("a", "b", 1, 2)]
    assert (found.action, found.reasons) == ("refuse", ("deceptive",))


@pytest.mark.parametrize("stage", ["prompt", "rewritten", "output", "joint"])
def test_a_check_that_fails_closes_every_stage(stage: Any) -> None:
    broken = RuntimeError("boom")

    class BrokenEye(Eye):
        def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
            raise broken

    class BrokenJoint(Joint):
        def review(self, *given: Any) -> list[Score]:
            raise broken

    checks = Checks(
        texts=(Text(error=broken),), frames=(BrokenEye(0.0),), joint=(BrokenJoint(0.0),)
    )
    with pytest.raises(ScreeningUnavailable, match="boom"):
        decide(
            stage,
            Inputs(prompt="a lamp", frames=moving()),
            profile="default",
            policy=POLICY,
            checks=checks,
        )


# --- Frames -----------------------------------------------------------------------------------


def test_frames_are_scored_one_by_one_and_say_where() -> None:
    class Sharp(Eye):
        def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
            return [
                [Score(Category.SEXUAL, 0.9 if f[0, 0, 0] == 7 else 0.1, "eye")] for f in frames
            ]

    frames = moving()
    next(frame for seconds, frame in frames if seconds == 1.0)[0, 0] = 7
    found = decide(
        "output",
        Inputs(frames=frames, draws_people=True),
        profile="default",
        policy=POLICY,
        checks=Checks(frames=(Sharp(),)),
    )

    seen = [s for s in found.signals if s.provider == "eye"]
    assert found.action == "refuse"
    assert len(seen) >= 5
    worst = max(seen, key=lambda s: s.value)
    assert (worst.frame_seconds, worst.modality, worst.action) == (1.0, "video", "refuse")


def test_a_known_picture_is_refused_in_every_profile() -> None:
    for profile in PROFILES:
        found = decide(
            "upload",
            Inputs(frames=moving(1)),
            profile=profile,
            policy=POLICY,
            checks=Checks(
                known_hashes=KnownHashes([bytes(32)]), hash_frame=lambda frame: bytes(32)
            ),
        )
        assert found.action == "refuse"
        assert "known_content" in found.reasons


# --- Replay -----------------------------------------------------------------------------------


def some_signals(random_: random.Random) -> list[Signal]:
    return [
        Signal(
            provider=random_.choice(["text", "eye", "blocklist"]),
            version="1",
            category=random_.choice(list(Category)),
            value=random_.choice([0.0, 0.3, 0.45, 0.72, 0.86, 0.9, 0.93, 0.97, 0.99, 1.0]),
            modality=random_.choice(["text", "video"]),
            scale=random_.choice(["share", "probability", "rule"]),
            subject=random_.choice(["prompt", "rewritten", "output"]),
        )
        for _ in range(random_.randrange(6))
    ]


def some_details(random_: random.Random) -> dict[str, Any]:
    return {
        "minor_reference": random_.random() < 0.3,
        "absent": random_.sample(["joint", "frames"], random_.randrange(3)),
        "texts": random_.choice([[], ["prompt", "rewritten"]]),
        "second_look": random_.random() < 0.1,
    }


def test_a_stored_decision_comes_out_the_same_under_the_same_policy() -> None:
    random_ = random.Random(5)
    for _ in range(600):
        stage, profile = random_.choice(STAGES), random_.choice(list(PROFILES))
        made = conclude(
            stage,
            some_signals(random_),
            profile=profile,
            policy=POLICY,
            details=some_details(random_),
        )
        stored = Decision.from_json(json.loads(json.dumps(made.to_json())))
        again = redecide(
            stored.signals,
            profile=stored.profile,
            policy=POLICY,
            details=stored.details,
            stage=stored.stage,
        )
        assert (again.action, again.categories, again.profile) == (
            made.action,
            made.categories,
            made.profile,
        )
        assert again.signals == made.signals


def stricter(policy: Policy, random_: random.Random) -> Policy:
    """`policy` with some points lowered, inside the bounds."""
    changes: dict[str, Any] = {"profiles": {}, "probabilities": {}}
    for part, scale, floor in (("profiles", "share", 0.5), ("probabilities", "probability", 0.05)):
        for profile in PROFILES:
            row: dict[str, Any] = {}
            for category in Category:
                if category in FIXED:
                    continue
                points = policy.points(profile, category, scale=scale)  # type: ignore[arg-type]
                by = random_.choice([0.0, 0.0, 0.02, 0.1])
                row[category.value] = {
                    "guard": round(max(floor, points.guard - by), 4),
                    "refuse": round(max(floor, points.refuse - by), 4),
                }
            changes[part][profile] = row
    for part in changes:  # what must not be looser than default follows it
        for profile in ("minor_referenced", "feed", "api", "upload", "people_upload"):
            for name, points in changes[part][profile].items():
                for base in ("default", "upload") if profile == "people_upload" else ("default",):
                    other = changes[part][base][name]
                    points["guard"] = min(points["guard"], other["guard"])
                    points["refuse"] = min(points["refuse"], other["refuse"])
    return with_changes(policy, changes, version="stricter")


def test_a_stricter_policy_never_loosens_a_decision() -> None:
    random_ = random.Random(11)
    policies = [stricter(POLICY, random_) for _ in range(4)]
    for _ in range(400):
        signals, details = some_signals(random_), some_details(random_)
        profile = random_.choice(list(PROFILES))
        before = redecide(signals, profile=profile, policy=POLICY, details=details)
        for policy in policies:
            after = redecide(signals, profile=profile, policy=policy, details=details)
            assert RANK[after.action] >= RANK[before.action]


def test_one_more_signal_or_a_higher_value_never_loosens() -> None:
    random_ = random.Random(3)
    for _ in range(400):
        signals, details = some_signals(random_), some_details(random_)
        profile = random_.choice(list(PROFILES))
        before = redecide(signals, profile=profile, policy=POLICY, details=details)
        more = [*signals, *some_signals(random_)]
        after = redecide(more, profile=profile, policy=POLICY, details=details)
        assert RANK[after.action] >= RANK[before.action]


def test_the_same_inputs_decide_the_same() -> None:
    def made() -> Decision:
        return decide(
            "output",
            Inputs(frames=moving(), draws_people=True),
            profile="default",
            policy=POLICY,
            checks=Checks(frames=(Eye(0.1, 0.5),)),
        )

    assert made() == made()


# --- Borderline -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "near"),
    [
        ([signal(Category.SEXUAL, 0.75, scale="probability")], True),
        ([signal(Category.SEXUAL, 0.95, scale="probability")], False),
        ([signal(Category.BROKEN_OUTPUT, 1.0, scale="rule")], True),
        ([signal(Category.HATE, 1.0, scale="rule")], False),
        ([signal(Category.KNOWN_CONTENT, 1.0, scale="rule")], False),
        ([signal(Category.SEXUAL_MINORS, 0.5, scale="probability")], False),
        ([signal(Category.HATE, 0.5, scale="probability")], False),  # not refused at all
    ],
)
def test_a_near_refusal_is_told_from_a_plain_one(found: list[Signal], near: bool) -> None:
    assert borderline(decided(*found), POLICY) is near


# --- Policies ---------------------------------------------------------------------------------


def test_a_policy_survives_being_stored() -> None:
    assert Policy.from_json(json.loads(json.dumps(POLICY.to_json()))) == POLICY
    assert POLICY.problems() == []


def test_a_change_shows_in_the_difference_with_what_follows_from_it() -> None:
    changed = with_changes(
        POLICY, {"profiles": {"default": {"hate": {"guard": 0.8, "refuse": 0.9}}}}, version="new"
    )

    assert diff(POLICY, changed) == [
        ("profiles.default.hate.guard", "0.9", "0.8"),
        ("profiles.default.hate.refuse", "0.98", "0.9"),
        ("profiles.feed.hate.guard", "0.9", "0.8"),  # never looser than default, so it follows
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"profiles": {"default": {"sexual_minors": {"guard": 0.9, "refuse": 1.0}}}}, "sexual_min"),
        ({"profiles": {"default": {"known_content": {"guard": 0.9, "refuse": 1.0}}}}, "known_cont"),
        ({"profiles": {"default": {"hate": {"guard": 0.9, "refuse": 0.9999}}}}, "hate.refuse"),
        ({"profiles": {"default": {"hate": {"guard": 0.99, "refuse": 0.98}}}}, "hate.guard"),
        ({"profiles": {"default": {"hate": {"guard": 0.9}}}}, "hate.refuse"),
        ({"profiles": {"default": {"hate": {"guard": 0.1, "refuse": 0.9}}}}, "hate.guard"),
        ({"profiles": {"default": {"hate": {"guard": "0.9", "refuse": 0.98}}}}, "hate.guard"),
        ({"profiles": {"default": {"hate": {"guard": float("nan"), "refuse": 0.98}}}}, "hate.gu"),
        ({"profiles": {"default": {"rudeness": {"guard": 0.9, "refuse": 0.98}}}}, "rudeness"),
        ({"profiles": {"lenient": {}}}, "lenient"),
        ({"profiles": {"feed": {"hate": {"guard": 0.95, "refuse": 0.99}}}}, "feed.hate"),
        ({"profiles": {"minor_referenced": {"sexual": {"guard": 0.95, "refuse": 0.99}}}}, "minor"),
        ({"probabilities": {"default": {"hate": {"guard": 0.5, "refuse": 0.95}}}}, "hate.refuse"),
        ({"rules": {"monitored": []}}, "monitored"),
        ({"rules": {"without": {"joint": {"hate": 0.5}}}}, "joint.hate"),
        ({"rules": {"second_try": "yes"}}, "second_try"),
        ({"rules": {"mercy": True}}, "mercy"),
        ({"everything": "off"}, "everything"),
        ({"profiles": []}, "profiles"),
    ],
)
def test_what_may_not_be_loosened_or_read_is_refused_by_its_field(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(PolicyProblem) as refused:
        with_changes(POLICY, changes, version="new")

    assert any(field in problem for problem in refused.value.problems), refused.value.problems


def test_no_policy_loosens_child_safety_or_known_content() -> None:
    loosest = {
        part: {
            profile: {
                category.value: {"guard": guard, "refuse": refuse}
                for category in Category
                if category not in FIXED
            }
            for profile in PROFILES
        }
        for part, guard, refuse in (("profiles", 0.97, 0.995), ("probabilities", 0.7, 0.9))
    }
    policy = with_changes(POLICY, loosest, version="loose")

    for profile, category in itertools.product(PROFILES, FIXED):
        assert decided(signal(category, 0.5), profile=profile, policy=policy).action == "refuse"
