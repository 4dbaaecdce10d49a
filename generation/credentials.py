"""Content Credentials in plain words: what a stored report of a file's manifest means to a reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

GENERATED = "trainedAlgorithmicMedia"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"

# state -> (tone, headline, sentence)
STATES: dict[str, tuple[str, str, str]] = {
    "trusted": (
        "good",
        "Signed, unchanged, issuer trusted",
        "The file is exactly as it was signed, and the signer is one this site trusts.",
    ),
    "valid": (
        "warn",
        "Signed and unchanged, issuer unknown",
        "The file is exactly as it was signed, but the signer is not on this site's trust list.",
    ),
    "invalid": (
        "bad",
        "Changed since it was signed",
        "The credentials do not match the file: it was altered, or they belong to another one.",
    ),
    "none": (
        "none",
        "No Content Credentials",
        "The file says nothing about where it comes from. That proves neither a camera nor a model.",
    ),
}


@dataclass(frozen=True)
class Explanation:
    """What a panel shows. `tone` is good, warn, bad or none; `facts` are label and value pairs."""

    state: str
    tone: str
    title: str
    sentence: str
    origin: str
    facts: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    failures: tuple[str, ...]


def explain(report: dict[str, Any]) -> Explanation:
    """Explain CredentialsReport.to_json(); unknown or missing parts are left out, never guessed."""
    state = str(report.get("state") or "none")
    tone, title, sentence = STATES.get(state, STATES["none"])
    claims = report.get("claims") or {}
    return Explanation(
        state=state,
        tone=tone,
        title=title,
        sentence=sentence,
        origin=_origin(str(claims.get("digital_source_type") or "")),
        facts=tuple(_facts(report, claims)),
        actions=tuple(
            str(action["description"])
            for action in claims.get("actions") or []
            if action.get("description")
        ),
        failures=tuple(str(code) for code in report.get("failures") or []),
    )


def _origin(source_type: str) -> str:
    if source_type.endswith(COMPOSITE):
        return "Made from material that includes output of a trained model."
    if source_type.endswith(GENERATED):
        return "Made entirely by a trained model (AI-generated)."
    return ""


def _facts(report: dict[str, Any], claims: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("Issued by", report.get("issuer")),
        ("Model", _joined(claims.get("model"), claims.get("model_version"))),
        ("Software", _joined(claims.get("software"), claims.get("software_version"))),
        ("Made", _moment(claims.get("created_at"))),
        ("Signed", _moment(claims.get("signed_at"))),
        ("Drawn", _drawn(claims.get("resampled"), claims.get("passes"))),
        ("Prompt", _rewritten(claims.get("prompt_rewritten"))),
        ("Visible mark", claims.get("visible_watermark")),
        ("Others may train on it", _yes_no(claims.get("training_allowed"))),
    ]
    return [(label, str(value)) for label, value in facts if value]


def _joined(name: Any, version: Any) -> str:
    return " ".join(str(part) for part in (name, version) if part)


def _drawn(resampled: Any, passes: Any) -> str:
    """Where the delivered size or length is not what the model draws at once."""
    size = resampled.removeprefix("drawn ") if isinstance(resampled, str) else ""
    several = f"in {passes} passes" if isinstance(passes, int) and passes > 1 else ""
    return ", ".join(part for part in (size, several) if part)


def _moment(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    try:
        moment: datetime | None = parse_datetime(text)
    except ValueError:
        return ""
    return moment.strftime("%-d %B %Y, %H:%M %Z").strip() if moment else ""


def _rewritten(value: Any) -> str:
    if value is None:
        return ""
    return "Rewritten before use" if value else "Used as written"


def _yes_no(value: Any) -> str:
    return "" if value is None else ("Yes" if value else "No")
