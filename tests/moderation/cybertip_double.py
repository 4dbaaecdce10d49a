"""A CyberTipline on a free port, with its rules and its memory: what it takes, forgets and refuses.

Written from the service's documentation, apart from the client: the order of elements stands here a
second time. Reports live in `reports`; time is `clock` hours, which tests move.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

USER, PASSWORD = "site", "secret words"

# Parent -> its children in order, those that must be there with a star.
SEQUENCES = {
    "report": (
        "*incidentSummary internetDetails lawEnforcement *reporter personOrUserReported "
        "intendedRecipient victim additionalInfo"
    ),
    "incidentSummary": (
        "*incidentType platform escalateToHighPriority reportAnnotations *incidentDateTime "
        "incidentDateTimeDescription"
    ),
    "reporter": "*reportingPerson contactPerson companyTemplate termsOfService legalURL",
    "internetDetails": "webPageIncident emailIncident",
    "webPageIncident": "url additionalInfo",
    "reportingPerson": "firstName lastName phone *email address age dateOfBirth",
    "contactPerson": "firstName lastName phone email address",
    "personOrUserReportedPerson": "firstName lastName phone email address age dateOfBirth",
    "personOrUserReported": (
        "personOrUserReportedPerson vehicleDescription espIdentifier espService compromisedAccount "
        "screenName displayName profileUrl profileBio ipCaptureEvent deviceId "
        "thirdPartyUserReported priorCTReports groupIdentifier additionalInfo"
    ),
    "ipCaptureEvent": "*ipAddress eventName dateTime possibleProxy port",
    "fileDetails": (
        "*reportId *fileId originalFileName uploadedToEspTimestamp locationOfFile fileViewedByEsp "
        "exifViewedByEsp publiclyAvailable fileRelevance fileAnnotations industryClassification "
        "originalFileHash ipCaptureEvent deviceId details additionalInfo"
    ),
    "fileAnnotations": (
        "animeDrawingVirtualHentai potentialMeme viral possibleSelfProduction physicalHarm "
        "violenceGore bestiality liveStreaming infant generativeAi"
    ),
}
SCHEMA = (
    '<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
    + "".join(
        f'<xs:element name="{parent}"><xs:complexType><xs:sequence>'
        + "".join(
            f'<xs:element name="{child.lstrip("*")}" minOccurs="0"/>' for child in children.split()
        )
        + "</xs:sequence></xs:complexType></xs:element>"
        for parent, children in SEQUENCES.items()
    )
    + "</xs:schema>"
)


@dataclass
class Report:
    number: int
    xml: bytes
    opened_at: float
    changed_at: float
    state: str = "open"  # open, retracted, finished
    files: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, bytes] = field(default_factory=dict)


Trouble = Callable[["Handler"], bool]


class CyberTipline:
    """`trouble[path]` is asked before a request is handled; True: it has answered itself."""

    def __init__(self) -> None:
        self.reports: dict[int, Report] = {}
        self.calls: list[str] = []
        self.trouble: dict[str, list[Trouble]] = {}
        self.after: dict[str, list[Trouble]] = {}  # asked after it was done, in place of an answer
        self.clock = 0.0
        self.lock = threading.RLock()
        double = self

        class Bound(Handler):
            service = double

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/ispws"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget_calls(self) -> None:
        self.calls.clear()

    @property
    def finished(self) -> list[Report]:
        return [report for report in self.reports.values() if report.state == "finished"]

    def alive(self, number: str) -> Report | None:
        """An open or finished report; unfinished ones vanish with time."""
        report = self.reports.get(int(number)) if number.isdigit() else None
        if report is None or report.state == "retracted":
            return None
        old = self.clock - report.opened_at >= 24 or self.clock - report.changed_at >= 1
        return None if report.state == "open" and old else report


class Handler(BaseHTTPRequestHandler):
    service: CyberTipline
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *arguments: object) -> None:
        pass

    def _handle(self, body: bytes) -> None:
        name = self.path.rpartition("/")[2]
        service = self.service
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.reply(b"", status=401)
            return
        with service.lock:
            service.calls.append(name)
            waiting = service.trouble.get(name, [])
            if waiting and waiting.pop(0)(self):
                return
            answer = getattr(self, f"on_{name}")(body)
            later = service.after.get(name, [])
            if later and later.pop(0)(self):
                return
        self.reply(answer)

    def reply(self, body: bytes, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    # --- What the endpoints do ----------------------------------------------------------------

    def on_status(self, body: bytes) -> bytes:
        return response(0)

    def on_xsd(self, body: bytes) -> bytes:
        return SCHEMA.encode()

    def on_submit(self, body: bytes) -> bytes:
        if problem := wrong(body, "report"):
            return response(4100, problem)
        number = 4_000_000 + len(self.service.reports)
        now = self.service.clock
        self.service.reports[number] = Report(number, body, now, now)
        return response(0, "Success", reportId=number)

    def on_upload(self, body: bytes) -> bytes:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in message.iter_parts()
        }
        report, refusal = self._open(parts["id"].decode())
        if report is None:
            return refusal
        file_id = hashlib.sha1(f"{report.number}/{len(report.files)}".encode()).hexdigest()[:16]
        report.files[file_id] = parts["file"]
        report.changed_at = self.service.clock
        digest = hashlib.md5(parts["file"]).hexdigest()
        return response(0, "Success", reportId=report.number, fileId=file_id, hash=digest)

    def on_fileinfo(self, body: bytes) -> bytes:
        if problem := wrong(body, "fileDetails"):
            return response(4100, problem)
        root = ElementTree.fromstring(body)
        report, refusal = self._open(root.findtext("reportId", ""))
        if report is None:
            return refusal
        if root.findtext("fileId") not in report.files:
            return response(5002, "Unknown file")
        report.details[root.findtext("fileId", "")] = body
        report.changed_at = self.service.clock
        return response(0, "Success", reportId=report.number)

    def on_finish(self, body: bytes) -> bytes:
        report, refusal = self._open(form(body))
        if report is None:
            return refusal
        report.state = "finished"
        files = "".join(f"<fileId>{file_id}</fileId>" for file_id in report.files)
        return (
            f"<reportDoneResponse><responseCode>0</responseCode><reportId>{report.number}"
            f"</reportId><files>{files}</files></reportDoneResponse>"
        ).encode()

    def on_retract(self, body: bytes) -> bytes:
        report, refusal = self._open(form(body))
        if report is None:
            return refusal
        report.state = "retracted"
        return response(0, "Success", reportId=report.number)

    def _open(self, number: str) -> tuple[Report | None, bytes]:
        report = self.service.alive(number)
        if report is None:
            return None, response(5001, "Report does not exist")
        if report.state == "finished":
            return None, response(5102, "Report was already finished")
        return report, b""


def form(body: bytes) -> str:
    return parse_qs(body.decode())["id"][0]


def response(code: int, description: str = "Success", **fields: Any) -> bytes:
    more = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><reportResponse><responseCode>{code}</responseCode>'
        f"<responseDescription>{description}</responseDescription>{more}</reportResponse>"
    ).encode()


def wrong(body: bytes, root: str) -> str:
    """What of the document breaks the schema, or ""."""
    try:
        document = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        return f"not well-formed: {error}"
    if document.tag != root:
        return f"{document.tag} in place of {root}"
    for element in document.iter():
        if element.tag not in SEQUENCES:
            continue
        order = SEQUENCES[element.tag].split()
        names = [name.lstrip("*") for name in order]
        places = [names.index(child.tag) if child.tag in names else -1 for child in element]
        if -1 in places:
            return f"{element.tag} holds an unknown element"
        if places != sorted(places):
            return f"the children of {element.tag} are out of order"
        for name in order:
            if name.startswith("*") and element.find(name[1:]) is None:
                return f"{element.tag} lacks {name[1:]}"
    moment = document.findtext("incidentSummary/incidentDateTime")
    if root == "report" and not re.fullmatch(r"[-0-9]+T[:0-9]+(Z|[-+]\d\d:\d\d)", moment or ""):
        return "incidentDateTime is no date and time with a zone"
    return ""


# --- Ways to misbehave -----------------------------------------------------------------------


def code(number: int, *, status: int = 200) -> Trouble:
    def answer(handler: Handler) -> bool:
        handler.reply(response(number, "No"), status=status)
        return True

    return answer


def raw(body: bytes, *, status: int = 200) -> Trouble:
    def answer(handler: Handler) -> bool:
        handler.reply(body, status=status)
        return True

    return answer


def hang_up(handler: Handler) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()
    return True


def slow(seconds: float) -> Trouble:
    def answer(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return answer
