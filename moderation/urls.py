"""Pages: rules, reporting, and the staff console."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path, reverse

from moderation import (
    appeals_console,
    cohort_pages,
    console,
    console_people,
    console_second_pages,
    effectiveness_pages,
    evaluation_console,
    hash_console,
    likeness_pages,
    people_pages,
    policy_console,
    policy_draft_pages,
    probing_console,
    transparency_pages,
    views,
)
from moderation import childsafety_console as child

console_patterns = [
    path("console/", console.queue, name="queue"),
    path("console/cases/<int:case_id>/", console.case_page, name="case"),
    path("console/bulk/", console.bulk, name="queue-bulk"),
    path("console/filters/", console.save_filter, name="queue-save"),
    path("console/filters/<int:filter_id>/forget/", console.forget_filter, name="queue-forget"),
    path("console/next/", console.next_case, name="next-case"),
    path("console/covers/", console.covers, name="covers"),
    path("console/looks/", console.looks, name="looks"),
    path("console/cases/<int:case_id>/claim/", console.renew, name="case-claim"),
    path("console/cases/<int:case_id>/put-back/", console.put_back, name="case-put-back"),
    path("console/cases/<int:case_id>/look/", console.look, name="case-look"),
    path("console/cases/<int:case_id>/take-back/", console.take_back, name="case-take-back"),
    path("console/appeals/", appeals_console.appeals, name="appeals-queue"),
    path("console/appeals/<int:appeal_id>/", appeals_console.appeal, name="appeal-case"),
    path("console/cases/<int:case_id>/media/", console.case_media, name="case-media"),
    path("console/people/", console_people.people, name="people"),
    path("console/people/roles/", console_people.change, name="people-change"),
    path("console/second/", console_second_pages.looks, name="second-looks"),
    path("console/second/next/", console_second_pages.following, name="second-next"),
    path("console/second/<int:look_id>/", console_second_pages.page, name="second-look"),
    path("console/second/<int:look_id>/media/", console_second_pages.media, name="second-media"),
    path("console/second/<int:look_id>/settle/", console_second_pages.settle, name="second-settle"),
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
    path("console/child-safety/<int:case_id>/prolong/", child.prolong, name="child-safety-prolong"),
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
    path("console/effectiveness/", effectiveness_pages.board, name="effectiveness"),
    path("console/effectiveness/drift/", effectiveness_pages.take_note, name="canaries-seen"),
    path("console/reports/", transparency_pages.periods, name="periods"),
    path(
        "console/reports/<int:report_id>/publish/",
        transparency_pages.publish,
        name="period-publish",
    ),
    path("transparency/", transparency_pages.public, name="transparency"),
    path("transparency/<int:report_id>/", transparency_pages.period, name="period"),
    path("transparency/<int:report_id>/report.csv", transparency_pages.as_csv, name="period-csv"),
    path(
        "transparency/<int:report_id>/bundle.zip", transparency_pages.bundle, name="period-bundle"
    ),
    path("console/flags/", cohort_pages.flags, name="flags"),
    path(
        "console/flags/artist-programme/feedback.csv",
        cohort_pages.feedback_csv,
        name="programme-csv",
    ),
    path("console/flags/<slug:name>/", cohort_pages.flag, name="flag"),
    path("console/flags/<slug:name>/members/", cohort_pages.members, name="flag-members"),
    path("programme/", cohort_pages.programme, name="programme"),
    path("programme/<uuid:generation_id>/", cohort_pages.give_feedback, name="programme-feedback"),
    path("console/policy/", policy_console.versions, name="policy"),
    path("console/policy/lab/", policy_console.lab, name="policy-lab"),
    path("console/policy/roll-back/", policy_console.roll_back, name="policy-roll-back"),
    path("console/policy/drafts/", policy_draft_pages.drafts, name="policy-drafts"),
    path("console/policy/drafts/<int:draft_id>/", policy_draft_pages.draft, name="policy-draft"),
    path(
        "console/policy/drafts/<int:draft_id>/step/",
        policy_draft_pages.step,
        name="policy-draft-step",
    ),
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
    path("people/<str:handle>/report/", people_pages.report_person, name="report-person"),
    path("report/intimate/", people_pages.intimate, name="report-intimate"),
    path("reports/", people_pages.report_outcome, name="report-outcome"),
    path("settings/decisions/", people_pages.decisions, name="decisions"),
    path("settings/decisions/<str:public_id>/", people_pages.decision, name="decision"),
    path(
        "settings/decisions/of/<str:kind>/<str:subject_id>/",
        people_pages.decision_of,
        name="decision-of",
    ),
    path("notices/", people_pages.notice_list, name="notices"),
]


def moved(request: HttpRequest, rest: str = "") -> HttpResponse:
    """/moderation/… of before: the same page below /console/. 308 keeps the method and the body."""
    query = request.META.get("QUERY_STRING", "")
    place = reverse("moderation:queue") + rest + (f"?{query}" if query else "")
    return HttpResponseRedirect(place, status=308)


urlpatterns = [
    path("moderation/", moved, name="console-moved"),
    path("moderation/<path:rest>", moved, name="console-moved-page"),
    path("rules/", views.rules, name="rules"),
    path("", include((console_patterns, "moderation"))),
]
