"""The public rules: every reason code a verdict, a refusal or a removal may carry.

Constants, not rows: a rule changes with a release, so that a stored code always means one text.
The rules page and docs/policies.md are made from here. A code is never renamed or reused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POLICY_VERSION = "2026-11-24"

Severity = Literal["none", "low", "medium", "high", "critical"]
DefaultAction = Literal[
    "allow", "rewrite", "guard", "hold", "refuse", "block_output", "remove", "suspend"
]


@dataclass(frozen=True)
class Policy:
    """One rule.

    title, rule: for the rules page; `rule` says what is and what is not allowed.
    message: shown to the person whose prompt, clip or upload was refused or removed.
    remedy: what they can do now.
    severity: how a confirmed, published breach weighs; "none" is no fault of the person.
    default_action: what happens without a human decision.
    appealable: may be disputed; a fault of our machinery is retried instead.
    """

    code: str
    title: str
    rule: str
    message: str
    remedy: str
    severity: Severity
    default_action: DefaultAction
    appealable: bool = True


_ALL = (
    Policy(
        "sexual",
        "Sexual content and nudity",
        "No sexual acts, no nudity, no content made to arouse. Affection, dance, sport, swimwear, "
        "medicine and sculpture shown without sexual focus are fine.",
        "We can't make sexual or nude content.",
        "Describe the people, place or mood without nudity or sexual acts.",
        "medium",
        "refuse",
    ),
    Policy(
        "sexual_minors",
        "Safety of children",
        "Nothing that sexualises anyone under 18, real or invented, in any style or wording. There "
        "are no exceptions. Clips with children in ordinary scenes are fine and are checked strictly.",
        "This breaks our child-safety rules.",
        "If you think this is a mistake, ask for a review; a person will look at it.",
        "critical",
        "refuse",
    ),
    Policy(
        "child",
        "Photos of children",
        "Photographs and filmed material that show somebody under 18 are not taken, so they can't be "
        "animated or changed; a doubtful age counts as under 18. Drawings and plainly fictitious "
        "characters in harmless scenes are fine.",
        "Photos of children can't be animated.",
        "Drawings and fictional characters are fine.",
        "none",
        "refuse",
    ),
    Policy(
        "child_safety_review",
        "Waiting for a person",
        "What one of our child-safety checks stops is looked at by a person before anything else "
        "happens to it. Nobody else can see or use it until then.",
        "A person has to look at this before it can be used.",
        "There is nothing you need to do.",
        "none",
        "hold",
    ),
    Policy(
        "violence_gore",
        "Graphic violence",
        "No gore, torture, mutilation, cruelty to people or animals, and no glorified killing. "
        "Tension, sport, stage fights, history and nature documentaries without wounds are fine.",
        "Graphic violence isn't available.",
        "Try describing the tension or what comes after, instead of injury.",
        "medium",
        "refuse",
    ),
    Policy(
        "self_harm",
        "Suicide and self-harm",
        "No depiction, instruction or praise of suicide, self-injury or eating disorders. Recovery, "
        "comfort and prevention are welcome.",
        "We can't show self-harm.",
        "If this is about you: you are not alone. findahelpline.com lists free, confidential help "
        "in your country; in the US and Canada call or text 988.",
        "none",
        "refuse",
    ),
    Policy(
        "hate",
        "Hate and extremism",
        "No demeaning of people for who they are: origin, religion, disability, sex, orientation, "
        "gender identity, age. No hate symbols or extremist propaganda. Education and remembrance "
        "without glorification are fine.",
        "Content that demeans people for who they are, or promotes extremism, isn't allowed.",
        "Describe people with respect, without symbols of hate.",
        "high",
        "refuse",
    ),
    Policy(
        "harassment",
        "Harassment and bullying",
        "No clips made to humiliate, threaten, blackmail or falsely accuse a person.",
        "We can't make videos meant to humiliate, threaten or accuse a person.",
        "Leave real people out, or show invented ones in a kind way.",
        "high",
        "refuse",
    ),
    Policy(
        "illegal",
        "Crime and fraud",
        "No instructions for crime, no promotion of drugs, trafficking, theft or fraud. Crime "
        "fiction that teaches nothing is fine.",
        "We can't help show how to commit crimes or fraud.",
        "Tell the story without instructions, trade or praise of the crime.",
        "medium",
        "refuse",
    ),
    Policy(
        "dangerous",
        "Weapons, terror and dangerous acts",
        "No instructions for weapons, explosives, poisons or attacks, no praise of terror, no "
        "challenges that injure.",
        "We can't show how to make weapons or harm many people.",
        "Leave out weapons, attacks and instructions.",
        "high",
        "refuse",
    ),
    Policy(
        "deceptive",
        "Deception and elections",
        "No realistic clips of elections, officials, disasters or news that did not happen, and none "
        "made to pass as real footage. Satire that is plainly drawn, animated or absurd is fine.",
        "We can't make realistic videos of public events that did not happen.",
        "Make it plainly fictional: an animation, invented places, no officials or news look.",
        "high",
        "refuse",
    ),
    Policy(
        "likeness",
        "Real people",
        "No likeness of a real person without consent. Names of known people are replaced by a "
        "description; private people need their recorded consent.",
        "We removed a real person's name from your prompt. See what changed.",
        "Describe an invented person instead.",
        "low",
        "rewrite",
    ),
    Policy(
        "likeness_consent",
        "Consent to a likeness",
        "Pictures of a real person are used only by an account in the likeness pilot, for the adult who "
        "signed the consent, and only until it ends or is revoked.",
        "The consent for the person shown doesn't cover this.",
        "Look at your places in the pilot in the settings, or use a drawing.",
        "low",
        "refuse",
    ),
    Policy(
        "likeness_review",
        "First clips with a likeness",
        "The first clips of every place in the likeness pilot are looked at by a person before anybody "
        "gets them.",
        "A person looks at this clip before you get it.",
        "There is nothing you need to do. You pay when it is delivered.",
        "none",
        "hold",
    ),
    Policy(
        "privacy",
        "Private information",
        "No addresses, numbers, records, messages or secret recordings of real people, and no "
        "confidential papers of real organisations.",
        "Personal details of real people can't be shown.",
        "Use invented people and blank documents.",
        "high",
        "refuse",
    ),
    Policy(
        "intellectual_property",
        "Brands, characters and other people's work",
        "Brands and protected characters are described generically; copies of a specific protected "
        "work are not made. Styles of living artists are replaced by a description of the style.",
        "We can't copy a protected work, brand or character.",
        "Describe what you want to see in your own words.",
        "low",
        "refuse",
    ),
    Policy(
        "language",
        "Languages we can't check well",
        "Our checks read English best. Clips of prompts in other languages are made, but stay private.",
        "Our checks read English best, so this clip stays private for now.",
        "Write the prompt in English to share the clip at once.",
        "none",
        "guard",
    ),
    Policy(
        "known_content",
        "Known harmful material",
        "Pictures that match material already confirmed as harmful are never delivered.",
        "The result matched material we must not deliver.",
        "Change the prompt and try again, or ask for a review.",
        "high",
        "block_output",
    ),
    Policy(
        "photosensitive",
        "Dangerous flashing",
        "No clip that flashes more than three times a second over a large area, because it can "
        "cause seizures (WCAG 2.3.1).",
        "The clip flashed in a way that can cause seizures, so it was not delivered.",
        "Ask for calmer light, without strobe or flicker.",
        "none",
        "block_output",
    ),
    Policy(
        "broken_output",
        "Unusable result",
        "A clip that is blank, damaged or never changes is not published as a video.",
        "The engine produced a blank or damaged clip.",
        "Try again with another seed. You were not charged for a clip that was not delivered.",
        "none",
        "block_output",
        appealable=False,
    ),
    Policy(
        "screening_unavailable",
        "Checks out of service",
        "Nothing is made or delivered while a safety check that must run can't.",
        "A safety check could not run, so nothing was made.",
        "Try again in a few minutes. You were not charged.",
        "none",
        "refuse",
        appealable=False,
    ),
    Policy(
        "spam",
        "Spam and manipulation",
        "No mass posting, no artificial likes, no evasion of blocks or limits.",
        "This looks like spam or an attempt to get around a limit.",
        "Slow down, or ask for a review.",
        "medium",
        "remove",
    ),
    Policy(
        "other",
        "Something else",
        "Anything else that harms people or breaks the law.",
        "This breaks our rules.",
        "Ask for a review; the decision says which rule.",
        "medium",
        "remove",
    ),
)

POLICIES: dict[str, Policy] = {policy.code: policy for policy in _ALL}


def policy(code: str) -> Policy:
    """The policy of a reason code. Raises KeyError for a code that was never published."""
    return POLICIES[code]


def first_policy(codes: tuple[str, ...] | list[str]) -> Policy:
    """The policy to tell the person about: the first published one; "other" when there is none."""
    return next((POLICIES[code] for code in codes if code in POLICIES), POLICIES["other"])


def as_markdown() -> str:
    """docs/policies.md; `python -m moderation.policies > docs/policies.md`."""
    words = {
        "allow": "nothing",
        "rewrite": "the prompt is rewritten and the change shown",
        "guard": "made, but kept private",
        "hold": "held until a person has looked at it",
        "refuse": "refused before or after generation; not charged",
        "block_output": "the result is not delivered; not charged",
        "remove": "removed after a report or review",
        "suspend": "account suspended",
    }
    parts = [
        "# Rules\n",
        "What may be made and shared here, and what happens otherwise. Every refusal, removal and "
        "appeal names one of these codes. This page is made from `moderation/policies.py` "
        f"(version {POLICY_VERSION}): run `python -m moderation.policies > docs/policies.md` after a "
        "change.\n",
        "A refusal by itself is no fault: nothing is counted against anyone until a person has "
        "confirmed a breach. What was refused or not delivered is not charged.\n",
    ]
    for item in _ALL:
        parts.append(f"## {item.title} (`{item.code}`)\n")
        parts.append(f"{item.rule}\n")
        parts.append(
            f"- What we do: {words[item.default_action]}.\n"
            f"- What you read: “{item.message}”\n"
            f"- What you can do: {item.remedy}\n"
            f"- Weight of a confirmed breach: {item.severity}. "
            f"{'You can appeal.' if item.appealable else 'Try again instead of appealing.'}\n"
        )
    parts += [_zones()]
    return "\n".join(parts)


def _zones() -> str:
    """How scores become actions, with the shipped numbers. A site may run another version."""
    from moderation.screening.policy import default_policy
    from moderation.screening.protocol import Category

    policy = default_policy()
    whom = {
        "default": "a prompt by an adult about adults, animals or things",
        "api": "the same, by access token; child safety can't be switched off",
        "minor_referenced": "somebody under 18 is referred to: sexual, violence, self-harm",
        "upload": "a picture or clip somebody brings along",
        "people_upload": "a consenting person's likeness; a person always looks",
        "feed": "shown to people who did not ask for it; the output of guarded prompts",
    }
    lines = [
        "## How it is decided\n",
        "Every check gives a score, and one service decides from all of them "
        "(`moderation/screening/decision.py`). The points are budgets: so many of a hundred ordinary "
        "prompts may be stopped by mistake. Between the two points a clip is guarded: made, judged "
        "once more with the strictest profile, private until a person releases it. A policy may also "
        "hold a category: then nobody gets the clip before a person has looked.\n",
        "| profile | for | refused, of 100 ordinary prompts | guarded from |",
        "| --- | --- | --- | --- |",
    ]
    for name, text in whom.items():
        points = policy.points(name, Category.SEXUAL)
        lines.append(
            f"| `{name}` | {text} | {100 * (1 - points.refuse):.0f} | "
            f"{100 * (1 - points.guard):.0f} |"
        )
    lines += [
        "",
        "Sexual content about anyone under 18 and known content refuse on any sign, in every profile "
        "and every version. Where a frame classifier or the review of everything together is not set "
        "up, the points are tighter. Staff change points by whole new versions, with a reason; every "
        "stored decision names its version.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_markdown(), end="")
