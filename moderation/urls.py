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
    path("console/", console.queue, name="queue"),
    path("console/cases/<int:case_id>/", console.case_page, name="case"),
    path("console/cases/<int:case_id>/child-safety/", child.divert, name="child-safety-divert"),
    path("console/child-safety/", child.queue, name="child-safety"),
    path("console/child-safety/evidence.csv", child.export, name="child-safety-export"),
    path("console/child-safety/<int:case_id>/", child.case_page, name="child-safety-case"),
    path(
        "console/child-safety/<int:case_id>/report/",
        child.report_page,
        name="child-safety-report",
    ),
    path(
        "console/child-safety/<int:case_id>/report/send/",
        child.send_again,
        name="child-safety-send",
    ),
    path(
        "console/child-safety/<int:case_id>/prolong/", child.prolong, name="child-safety-prolong"
    ),
    path("console/likeness/", likeness_pages.console, name="likeness"),
    path(
        "console/likeness/<uuid:grant_id>/revoke/",
        likeness_pages.revoke_as_staff,
        name="likeness-revoke-staff",
    ),
    path("settings/likeness/", likeness_pages.mine, name="my-likeness"),
    path("settings/likeness/<uuid:grant_id>/", likeness_pages.consent, name="likeness-consent"),
    path(
        "settings/likeness/<uuid:grant_id>/revoke/", likeness_pages.revoke, name="likeness-revoke"
    ),
    path("console/banks/", hash_console.banks, name="banks"),
    path("console/banks/search/", hash_console.search, name="banks-search"),
    path("console/banks/entries/<int:entry_id>/", hash_console.entry, name="banks-entry"),
    path("console/banks/<slug:name>/", hash_console.bank, name="bank"),
    path("console/policy/", policy_console.versions, name="policy"),
    path("console/policy/lab/", policy_console.lab, name="policy-lab"),
    path("console/policy/roll-back/", policy_console.roll_back, name="policy-roll-back"),
    path("console/policy/<str:name>/", policy_console.version, name="policy-version"),
    path("clips/<uuid:video_id>/review/", views.ask_for_release, name="ask-for-release"),
    path("console/probing/", probing_console.cases, name="probing"),
    path("console/probing/<int:case_id>/", probing_console.case, name="probing-case"),
    path(
        "console/probing/<int:case_id>/attempts/<int:trace_id>/keep/",
        probing_console.keep_attempt,
        name="probing-keep",
    ),
    path("console/redteam/", probing_console.red_team, name="redteam"),
    path("console/redteam/runs/<int:run_id>/", probing_console.run, name="redteam-run"),
    path(
        "console/redteam/runs/<int:run_id>/wrong/<int:index>/keep/",
        probing_console.keep_wrong,
        name="redteam-keep-wrong",
    ),
    path(
        "console/redteam/findings/<int:finding_id>/keep/",
        probing_console.keep_finding,
        name="redteam-keep-finding",
    ),
    path("console/redteam/campaigns/", probing_console.campaign, name="campaign-new"),
    path(
        "console/redteam/campaigns/<int:campaign_id>/",
        probing_console.campaign,
        name="campaign",
    ),
    path("console/evaluation/", evaluation_console.sets, name="evaluation"),
    path("console/evaluation/compare/", evaluation_console.compare, name="evaluation-compare"),
    path("console/evaluation/runs/<int:run_id>/", evaluation_console.run, name="evaluation-run"),
    path("console/evaluation/sets/<slug:name>/", evaluation_console.one, name="evaluation-set"),
    path(
        "console/evaluation/sets/<slug:name>/jsonl/",
        evaluation_console.download,
        name="evaluation-jsonl",
    ),
    path(
        "console/evaluation/sets/<slug:name>/runs/",
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
