"""Pages: rules, reporting, and the staff console."""

from __future__ import annotations

from django.urls import include, path

from moderation import childsafety_console as child
from moderation import (
    console,
    evaluation_console,
    hash_console,
    likeness_pages,
    policy_console,
    probing_console,
    views,
)

console_patterns = [
    path("moderation/", console.queue, name="queue"),
    path("moderation/cases/<int:case_id>/", console.case_page, name="case"),
    path("moderation/cases/<int:case_id>/child-safety/", child.divert, name="child-safety-divert"),
    path("moderation/child-safety/", child.queue, name="child-safety"),
    path("moderation/child-safety/evidence.csv", child.export, name="child-safety-export"),
    path("moderation/child-safety/<int:case_id>/", child.case_page, name="child-safety-case"),
    path(
        "moderation/child-safety/<int:case_id>/report/",
        child.report_page,
        name="child-safety-report",
    ),
    path(
        "moderation/child-safety/<int:case_id>/report/send/",
        child.send_again,
        name="child-safety-send",
    ),
    path(
        "moderation/child-safety/<int:case_id>/prolong/", child.prolong, name="child-safety-prolong"
    ),
    path("moderation/likeness/", likeness_pages.console, name="likeness"),
    path(
        "moderation/likeness/<uuid:grant_id>/revoke/",
        likeness_pages.revoke_as_staff,
        name="likeness-revoke-staff",
    ),
    path("settings/likeness/", likeness_pages.mine, name="my-likeness"),
    path("settings/likeness/<uuid:grant_id>/", likeness_pages.consent, name="likeness-consent"),
    path(
        "settings/likeness/<uuid:grant_id>/revoke/", likeness_pages.revoke, name="likeness-revoke"
    ),
    path("moderation/banks/", hash_console.banks, name="banks"),
    path("moderation/banks/search/", hash_console.search, name="banks-search"),
    path("moderation/banks/entries/<int:entry_id>/", hash_console.entry, name="banks-entry"),
    path("moderation/banks/<slug:name>/", hash_console.bank, name="bank"),
    path("moderation/policy/", policy_console.versions, name="policy"),
    path("moderation/policy/lab/", policy_console.lab, name="policy-lab"),
    path("moderation/policy/roll-back/", policy_console.roll_back, name="policy-roll-back"),
    path("moderation/policy/<str:name>/", policy_console.version, name="policy-version"),
    path("clips/<uuid:video_id>/review/", views.ask_for_release, name="ask-for-release"),
    path("moderation/probing/", probing_console.cases, name="probing"),
    path("moderation/probing/<int:case_id>/", probing_console.case, name="probing-case"),
    path(
        "moderation/probing/<int:case_id>/attempts/<int:trace_id>/keep/",
        probing_console.keep_attempt,
        name="probing-keep",
    ),
    path("moderation/redteam/", probing_console.red_team, name="redteam"),
    path("moderation/redteam/runs/<int:run_id>/", probing_console.run, name="redteam-run"),
    path(
        "moderation/redteam/runs/<int:run_id>/wrong/<int:index>/keep/",
        probing_console.keep_wrong,
        name="redteam-keep-wrong",
    ),
    path(
        "moderation/redteam/findings/<int:finding_id>/keep/",
        probing_console.keep_finding,
        name="redteam-keep-finding",
    ),
    path("moderation/redteam/campaigns/", probing_console.campaign, name="campaign-new"),
    path(
        "moderation/redteam/campaigns/<int:campaign_id>/",
        probing_console.campaign,
        name="campaign",
    ),
    path("moderation/evaluation/", evaluation_console.sets, name="evaluation"),
    path("moderation/evaluation/compare/", evaluation_console.compare, name="evaluation-compare"),
    path("moderation/evaluation/runs/<int:run_id>/", evaluation_console.run, name="evaluation-run"),
    path("moderation/evaluation/sets/<slug:name>/", evaluation_console.one, name="evaluation-set"),
    path(
        "moderation/evaluation/sets/<slug:name>/jsonl/",
        evaluation_console.download,
        name="evaluation-jsonl",
    ),
    path(
        "moderation/evaluation/sets/<slug:name>/runs/",
        evaluation_console.start,
        name="evaluation-start",
    ),
    path("testing/", probing_console.testing, name="testing"),
    path("clips/<uuid:video_id>/report/", views.report, name="report"),
]
urlpatterns = [
    path("rules/", views.rules, name="rules"),
    path("", include((console_patterns, "moderation"))),
]
