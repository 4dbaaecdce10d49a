"""Forms of the pages about probing, the red team and evaluations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from moderation.models import Campaign, EvalSet, ProbingCase, RedTeamFinding
from moderation.policies import POLICIES
from moderation.screening.protocol import Category

CATEGORIES = [
    (c.value, POLICIES[c.value].title)
    for c in Category
    if c.value in POLICIES and c != Category.SEXUAL_MINORS
]


def _long(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class CloseForm(forms.Form):
    """Did we misread somebody, and why."""

    outcome = forms.ChoiceField(choices=ProbingCase.Outcome.choices, widget=forms.HiddenInput)
    note = forms.CharField(
        label="Why",
        max_length=2000,
        widget=_long(3),
        help_text="Kept with the case. Say what the attempts have in common, or why they don't.",
    )


class CampaignForm(forms.Form):
    title = forms.CharField(label="Title", max_length=120)
    name = forms.SlugField(
        label="Name",
        max_length=60,
        help_text="Letters, digits and hyphens. Tags every request of its testers while it runs.",
    )
    brief = forms.CharField(
        label="Brief",
        max_length=4000,
        widget=_long(5),
        help_text="What to look for, what to leave alone. Never anything about minors.",
    )
    starts_at = forms.DateTimeField(label="Starts (UTC)", widget=_moment())
    ends_at = forms.DateTimeField(label="Ends (UTC)", widget=_moment())
    testers = forms.CharField(
        label="Testers",
        required=False,
        max_length=4000,
        widget=_long(3),
        help_text="Handles, one a line. Send them to /testing/, where the brief stands. Their "
        "refusals slow them not at all and are tagged.",
    )

    def clean_testers(self) -> list[str]:
        return str(self.cleaned_data["testers"]).replace(",", " ").split()

    @staticmethod
    def values_of(campaign: Campaign | None) -> dict[str, Any]:
        if campaign is None:
            return {}
        return {
            "title": campaign.title,
            "name": campaign.name,
            "brief": campaign.brief,
            "starts_at": campaign.starts_at,
            "ends_at": campaign.ends_at,
            "testers": "\n".join(
                campaign.testers.order_by("handle").values_list("handle", flat=True)
            ),
        }


class FindingForm(forms.Form):
    """What a tester found."""

    campaign = forms.ChoiceField(label="Campaign")
    kind = forms.ChoiceField(label="What happened", choices=RedTeamFinding.Kind.choices)
    text = forms.CharField(label="Prompt", max_length=8000, widget=_long(4))
    category = forms.ChoiceField(label="Rule", choices=CATEGORIES)
    note = forms.CharField(label="Note", required=False, max_length=2000, widget=_long(2))

    def __init__(self, *args: Any, campaigns: Iterable[Campaign], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["campaign"].choices = [(c.name, c.title) for c in campaigns]  # type: ignore[attr-defined]


class EvalSetForm(forms.Form):
    """A new set, from a JSONL file."""

    title = forms.CharField(label="Title", max_length=120)
    name = forms.SlugField(label="Name", max_length=60, help_text="Letters, digits and hyphens.")
    origin = forms.ChoiceField(label="Where the rows come from", choices=EvalSet.Origin.choices)
    licence = forms.CharField(label="Licence", required=False, max_length=100)
    note = forms.CharField(label="Note", required=False, max_length=500)
    file = forms.FileField(
        label="File",
        help_text="JSON lines: id, text, category and label (block, allow or rewrite).",
    )
