"""Forms of the staff pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms

from accounts.models import Restriction, User, Workspace
from accounts.services import personal_workspace
from moderation import cybertip
from moderation.actions import ACTIONS
from moderation.childsafety_models import ChildSafetyDecision
from moderation.models import LikenessGrant, VideoLabel
from moderation.policies import POLICIES

OPTIONS = ("strike", "label", "features", "days")
SEVERAL = ("dismiss", "unlist", "remove", "takedown", "warn", "release")  # may be decided in bulk


class DecisionForm(forms.Form):
    """What to do with a case, under which rule, and why. `decision()` is what services.decide takes."""

    action = forms.ChoiceField(
        choices=[(code, action.label) for code, action in ACTIONS.items()],
        widget=forms.HiddenInput,
    )
    policy = forms.ChoiceField(
        label="Rule",
        required=False,
        choices=[
            ("", "The one it was brought for"),
            *((code, rule.title) for code, rule in POLICIES.items()),
        ],
    )
    note = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the decision. Say which rule, and what in the clip breaks it or not.",
    )
    strike = forms.BooleanField(label="A removal also gives a strike", required=False)
    label = forms.ChoiceField(
        label="Label", required=False, choices=[("", "–"), *VideoLabel.Code.choices]
    )
    features = forms.MultipleChoiceField(
        label="What is closed",
        required=False,
        choices=[
            (code, words)
            for code, words in Restriction.Feature.choices
            if code != Restriction.Feature.ACCOUNT
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(label="Days", required=False, min_value=1, max_value=365)
    uploads = forms.TypedMultipleChoiceField(
        coerce=UUID, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, brought: Iterable[UUID] = ()) -> None:
        super().__init__(data)
        field: Any = self.fields["uploads"]
        field.choices = [(str(each), str(each)) for each in brought]

    def decision(self) -> dict[str, Any]:
        """The valid form as arguments: only what the chosen action knows goes along as `params`."""
        values = self.cleaned_data
        known = ACTIONS[values["action"]].params
        params = {name: values[name] for name in OPTIONS if name in known and values.get(name)}
        return {
            "action": values["action"],
            "policy": values["policy"],
            "note": values["note"],
            "params": params,
            "uploads": values["uploads"],
        }


class BulkForm(forms.Form):
    """One decision about several cases."""

    cases = forms.TypedMultipleChoiceField(
        coerce=int, widget=forms.CheckboxSelectMultiple, choices=()
    )
    action = forms.ChoiceField(
        label="Decide", choices=[(code, ACTIONS[code].label) for code in SEVERAL]
    )
    note = forms.CharField(label="Why", max_length=2000)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        named = data.getlist("cases")[:200] if data is not None else []
        field: Any = self.fields["cases"]
        field.choices = [
            (each, each) for each in named if each.isascii() and each.isdigit() and len(each) < 18
        ]


class CoversForm(forms.Form):
    """How one reviewer sees media, and how much of it."""

    blur = forms.BooleanField(label="Blur the picture", required=False)
    grey = forms.BooleanField(label="Show it in grey", required=False)
    mute = forms.BooleanField(label="Play without sound", required=False)
    break_points = forms.IntegerField(
        label="A break is due after",
        min_value=5,
        max_value=100,
        help_text="Points taken in without ten minutes' pause. An uncovered urgent case counts 4.",
    )
    daily_points = forms.IntegerField(
        label="Enough for a day",
        min_value=10,
        max_value=400,
        help_text="Points in 24 hours. Beyond that no media opens; text stays open.",
    )


class SecondLookForm(forms.Form):
    """What a second reviewer would have decided."""

    action = forms.CharField(max_length=30, widget=forms.HiddenInput)
    note = forms.CharField(label="Why", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


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
