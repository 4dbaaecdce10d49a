"""What a report to the CyberTipline says: from a case, its sealed record and the reviewer's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.validators import ValidationError, validate_email

from generation.models import Video
from moderation import cybertip, sealed
from moderation.childsafety_models import ChildSafetyCase, CyberTip, SealedEvidence

MOST_TEXT = 20_000  # of the words of a person in one report
MOST_ADDRESSES = 20


# --- The site's own settings ---------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    email: str

    def to_content(self) -> dict[str, Any]:
        return {
            "firstName": self.first[:100] or None,
            "lastName": self.last[:100] or None,
            "email": self.email,
        }


def person_of(text: str) -> Person | None:
    """`First Last <address>`, or None for a text that names no address."""
    name, address = parseaddr(text)
    try:
        validate_email(address)
    except ValidationError:
        return None
    first, _, last = name.strip().partition(" ")
    return Person(first, last.strip(), address)


def is_production() -> bool:
    return settings.SORA_CYBERTIP_MODE == "production"


def address() -> str:
    if is_production():
        return cybertip.PRODUCTION
    return (settings.SORA_CYBERTIP_URL or cybertip.TEST).rstrip("/")


def missing() -> list[str]:
    """Names of the settings without which nothing can be filed."""
    needed = {
        "SORA_CYBERTIP_USER": settings.SORA_CYBERTIP_USER,
        "SORA_CYBERTIP_PASSWORD": settings.SORA_CYBERTIP_PASSWORD,
        "SORA_CYBERTIP_REPORTER": person_of(settings.SORA_CYBERTIP_REPORTER),
    }
    return [name for name, value in needed.items() if not value]


def client() -> cybertip.Client:
    return cybertip.Client(address(), settings.SORA_CYBERTIP_USER, settings.SORA_CYBERTIP_PASSWORD)


# --- The reviewer's answers ----------------------------------------------------------------------


def first_answers(case: ChildSafetyCase) -> dict[str, Any]:
    """What a draft begins with; the reviewer changes it."""
    return {
        "incident_type": cybertip.INCIDENT_TYPES[0],
        "escalate": "",
        "classification": "",
        "annotations": ["generativeAi"] if case.stage == ChildSafetyCase.Stage.OUTPUT else [],
        "viewed": False,
        "additional": "",
    }


# --- Documents -----------------------------------------------------------------------------------


def record_of(case: ChildSafetyCase) -> dict[str, Any]:
    """Who, when, from where, which words: every sealed record of the case, the later ones' words
    added to the first. Raises SealError."""
    found: dict[str, Any] = {}
    for piece in case.evidence.filter(kind=SealedEvidence.Kind.RECORD).order_by("sealed_at", "pk"):
        record = json.loads(sealed.read(piece))
        if not found:
            found = record
        else:
            found["texts"] = [*found.get("texts", []), *record.get("texts", [])]
    return found


def report(tip: CyberTip) -> bytes:
    """The <report>. Raises SealError, and ValueError when a needed setting is missing."""
    case, answers = tip.case, tip.answers
    reporter = person_of(settings.SORA_CYBERTIP_REPORTER)
    if reporter is None:
        raise ValueError("SORA_CYBERTIP_REPORTER names nobody")
    record = record_of(case)
    contact = person_of(settings.SORA_CYBERTIP_CONTACT)
    person = record.get("person", {})
    return cybertip.document(
        "report",
        {
            "incidentSummary": {
                "incidentType": answers["incident_type"],
                "escalateToHighPriority": answers.get("escalate", "")[: cybertip.MAX_TEXT] or None,
                "incidentDateTime": case.opened_at,
                "incidentDateTimeDescription": f"{case.get_kind_display()}; {case.get_stage_display()}",
            },
            "internetDetails": {"webPageIncident": {"url": settings.PUBLIC_URL}},
            "reporter": {
                "reportingPerson": reporter.to_content(),
                "contactPerson": contact.to_content() if contact else None,
                "companyTemplate": settings.SORA_CYBERTIP_COMPANY_TEMPLATE or None,
                "termsOfService": f"{settings.PUBLIC_URL}/rules/",
                "legalURL": settings.SORA_CYBERTIP_LEGAL_URL or None,
            },
            "personOrUserReported": {
                "personOrUserReportedPerson": {"email": person.get("email") or None},
                "espIdentifier": str(case.person_id),
                "espService": settings.SITE_NAME[:100],
                "screenName": person.get("handle") or None,
                "displayName": person.get("display_name") or None,
                "ipCaptureEvent": [_address(item) for item in record.get("addresses", ())] or None,
                "priorCTReports": prior_reports(tip) or None,
            },
            "additionalInfo": _additional(tip, record),
        },
    )


def _address(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "ipAddress": item["ip"],
        "eventName": item["event"],
        "dateTime": datetime.fromisoformat(item["at"]),
    }


def prior_reports(tip: CyberTip) -> list[str]:
    """Ids of finished reports about the same person, at the same service."""
    earlier = CyberTip.objects.filter(
        case__person_id=tip.case.person_id,
        status=CyberTip.Status.FILED,
        is_test=not is_production(),
    ).exclude(pk=tip.pk)
    return [number for number in earlier.values_list("report_id", flat=True) if number.isdigit()]


def _additional(tip: CyberTip, record: dict[str, Any]) -> str:
    """What the elements have no place for: how it was found, and the person's own words."""
    case = tip.case
    lines = [f"How it was found: {case.get_kind_display()} ({case.get_stage_display()})."]
    lines += [
        f"Signal: {signal['category']} {signal['value']:.3f} by {signal['source']}."
        for signal in case.signals
    ]
    if case.stage == ChildSafetyCase.Stage.OUTPUT:
        lines.append("The file was made by a generative model from the words below.")
    if note := tip.answers.get("additional"):
        lines.append(f"Reviewer: {note}")
    words = "\n".join(item["text"] for item in record.get("texts", ()))
    if words:
        lines.append(f"Words of the person:\n{words[:MOST_TEXT]}")
    return "\n".join(lines)


def file_details(tip: CyberTip, evidence: SealedEvidence, *, report_id: str, file_id: str) -> bytes:
    """The <fileDetails> of one file. Raises SealError."""
    answers, record = tip.answers, record_of(tip.case)
    public = Video.objects.filter(pk=tip.case.video_id, shared_at__isnull=False).exists()
    return cybertip.document(
        "fileDetails",
        {
            "reportId": report_id,
            "fileId": file_id,
            "originalFileName": record.get("file_name") or None,
            "uploadedToEspTimestamp": datetime.fromisoformat(record["uploaded_at"])
            if record.get("uploaded_at")
            else None,
            "fileViewedByEsp": bool(answers.get("viewed")),
            "exifViewedByEsp": False,
            "publiclyAvailable": public or bool(record.get("was_public")),
            "fileRelevance": "Reported",
            "fileAnnotations": {name: {} for name in answers.get("annotations", ())} or None,
            "industryClassification": answers.get("classification") or None,
            "originalFileHash": [
                cybertip.Attributed(evidence.md5, {"hashType": "MD5"}),
                cybertip.Attributed(evidence.sha256, {"hashType": "SHA256"}),
            ],
        },
    )


def upload_of(evidence: SealedEvidence) -> cybertip.Upload:
    """The file as it is sent: decrypted while it is read, under a neutral name."""
    ending = {
        "image/png": "png",
        "image/jpeg": "jpg",
        "image/webp": "webp",
        "video/mp4": "mp4",
        "video/webm": "webm",
        "video/quicktime": "mov",
    }.get(evidence.media_type, "bin")
    return cybertip.Upload(f"{evidence.pk}.{ending}", evidence.bytes, sealed.open_chunks(evidence))
