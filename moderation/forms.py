"""Forms of the staff pages."""

from __future__ import annotations

from django import forms

from moderation.models import Decision


class DecisionForm(forms.Form):
    """What to do with a case, and why."""

    action = forms.ChoiceField(choices=Decision.Action.choices, widget=forms.HiddenInput)
    note = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the decision. Say which rule, and what in the clip breaks it or not.",
    )
