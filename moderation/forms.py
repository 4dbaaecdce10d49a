"""Forms of the staff pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms

from accounts.models import User, Workspace
from accounts.services import personal_workspace
from moderation import cybertip
from moderation.childsafety_models import ChildSafetyDecision
from moderation.models import Decision, LikenessGrant


class DecisionForm(forms.Form):
    """What to do with a case, and why."""

    action = forms.ChoiceField(choices=Decision.Action.choices, widget=forms.HiddenInput)
    note = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the decision. Say which rule, and what in the clip breaks it or not.",
    )
    uploads = forms.TypedMultipleChoiceField(
        coerce=UUID, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, brought: Iterable[UUID] = ()) -> None:
        super().__init__(data)
        field: Any = self.fields["uploads"]
        field.choices = [(str(each), str(each)) for each in brought]


class ChildSafetyDecisionForm(forms.Form):
    """What to do with a child-safety case, and why."""

    action = forms.ChoiceField(choices=ChildSafetyDecision.Action.choices, widget=forms.HiddenInput)
    note = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the decision. Say what you saw in one sentence; no details are needed.",
    )


class CyberTipForm(forms.Form):
    """What the reviewer knows and the machine doesn't. The rest of the report is filled in."""

    incident_type = forms.ChoiceField(
        label="Type of incident", choices=[(name, name) for name in cybertip.INCIDENT_TYPES]
    )
    classification = forms.ChoiceField(
        label="Industry classification",
        required=False,
        choices=[
            ("", "Not classified"),
            ("A1", "A1: before puberty, sexual act"),
            ("A2", "A2: before puberty, nudity or posing"),
            ("B1", "B1: after puberty, sexual act"),
            ("B2", "B2: after puberty, nudity or posing"),
        ],
    )
    annotations = forms.MultipleChoiceField(
        label="Annotations",
        required=False,
        choices=[
            ("animeDrawingVirtualHentai", "Drawn or virtual"),
            ("generativeAi", "Made by generative AI"),
            ("potentialMeme", "Perhaps shared in outrage or as a joke"),
            ("viral", "Passed on from account to account"),
            ("possibleSelfProduction", "Perhaps made by the person shown"),
            ("physicalHarm", "Physical harm"),
            ("violenceGore", "Graphic violence"),
            ("bestiality", "An animal is involved"),
            ("liveStreaming", "Was streamed live"),
            ("infant", "An infant is shown"),
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    viewed = forms.BooleanField(
        label="A person of this site has looked at the whole file", required=False
    )
    escalate = forms.CharField(
        label="Why it is urgent",
        required=False,
        max_length=cybertip.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only where a child may be in danger now. Anything here raises the report's priority.",
    )
    additional = forms.CharField(
        label="Anything else they should know",
        required=False,
        max_length=cybertip.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class LikenessOfferForm(forms.Form):
    """A place in the likeness pilot."""

    person = forms.CharField(label="Account (handle)", max_length=30)
    workspace = forms.IntegerField(
        label="Workspace (number)",
        required=False,
        min_value=1,
        help_text="Empty: the account's personal workspace.",
    )
    cohort = forms.SlugField(
        label="Cohort", max_length=40, help_text="A short name for the group, such as studio-1."
    )
    subject = forms.ChoiceField(label="Whose likeness", choices=LikenessGrant.Subject.choices)
    scope = forms.MultipleChoiceField(
        label="What for", choices=LikenessGrant.Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(label="Days it lasts", min_value=1, max_value=365, initial=90)
    reviewed_first = forms.IntegerField(
        label="Clips looked at before delivery", required=False, min_value=1, max_value=1000
    )

    def clean(self) -> dict[str, Any]:
        """The handle and the number as the account and its workspace."""
        data = super().clean() or {}
        person = User.objects.filter(handle=data.get("person", "").lower().lstrip("@")).first()
        if person is None:
            self.add_error("person", "There is no such account.")
            return data
        number = data.get("workspace")
        workspace = (
            Workspace.objects.filter(pk=number).first() if number else personal_workspace(person)
        )
        if workspace is None:
            self.add_error("workspace", "There is no such workspace.")
        return {**data, "person": person, "workspace": workspace}
