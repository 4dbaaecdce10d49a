"""The CyberTipline's reporting API: the two documents it takes, and a client for its endpoints.

Knows neither Django nor our tables. Documents are built element by element in the order of its schema
(it refuses others with 4100), answers are read with a parser that refuses document types, and no
answer may be larger than MAX_ANSWER_BYTES. Source of names, order and codes: the service's public
documentation (report.cybertip.org/ispws/documentation), read 2026-11-24; `./sora manage cybertip`
compares the order with the schema the service hands out.
"""

from __future__ import annotations

import base64
import http.client
import secrets
import socket
import ssl
import threading
import time
import xml.parsers.expat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

PRODUCTION: Final = "https://report.cybertip.org/ispws"
TEST: Final = "https://exttest.cybertip.org/ispws"

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_SCHEMA_BYTES: Final = 2 * 1024 * 1024
REQUEST_SECONDS: Final = 60.0
BYTES_PER_SECOND: Final = 100_000  # an upload may take this much longer than a request

INCIDENT_TYPES: Final = (
    "Child Pornography (possession, manufacture, and distribution)",
    "Child Sex Trafficking",
    "Child Sex Tourism",
    "Child Sexual Molestation",
    "Misleading Domain Name",
    "Misleading Words or Digital Images on the Internet",
    "Online Enticement of Children for Sexual Acts",
    "Unsolicited Obscene Material Sent to a Child",
)
ANNOTATIONS: Final = (
    "animeDrawingVirtualHentai",
    "potentialMeme",
    "viral",
    "possibleSelfProduction",
    "physicalHarm",
    "violenceGore",
    "bestiality",
    "liveStreaming",
    "infant",
    "generativeAi",
)
CLASSIFICATIONS: Final = ("A1", "A2", "B1", "B2")
MAX_TEXT: Final = 3000

# Which elements may stand in which, in the order of the schema. A dict names what stands inside.
_CONTACT: Final[dict[str, Any]] = dict.fromkeys(
    ("firstName", "lastName", "phone", "email", "address")
)
_PERSON: Final[dict[str, Any]] = {**_CONTACT, "age": None, "dateOfBirth": None}
_IP: Final[dict[str, Any]] = {
    "ipAddress": None,
    "eventName": None,
    "dateTime": None,
    "possibleProxy": None,
    "port": None,
}
ORDER: Final[dict[str, Any]] = {
    "report": {
        "incidentSummary": {
            "incidentType": None,
            "platform": None,
            "escalateToHighPriority": None,
            "reportAnnotations": None,
            "incidentDateTime": None,
            "incidentDateTimeDescription": None,
        },
        "internetDetails": {
            "webPageIncident": {"url": None, "additionalInfo": None},
        },
        "lawEnforcement": None,
        "reporter": {
            "reportingPerson": _PERSON,
            "contactPerson": _CONTACT,
            "companyTemplate": None,
            "termsOfService": None,
            "legalURL": None,
        },
        "personOrUserReported": {
            "personOrUserReportedPerson": _PERSON,
            "vehicleDescription": None,
            "espIdentifier": None,
            "espService": None,
            "compromisedAccount": None,
            "screenName": None,
            "displayName": None,
            "profileUrl": None,
            "profileBio": None,
            "ipCaptureEvent": _IP,
            "deviceId": None,
            "thirdPartyUserReported": None,
            "priorCTReports": None,
            "groupIdentifier": None,
            "additionalInfo": None,
        },
        "intendedRecipient": None,
        "victim": None,
        "additionalInfo": None,
    },
    "fileDetails": {
        "reportId": None,
        "fileId": None,
        "originalFileName": None,
        "uploadedToEspTimestamp": None,
        "locationOfFile": None,
        "fileViewedByEsp": None,
        "exifViewedByEsp": None,
        "publiclyAvailable": None,
        "fileRelevance": None,
        "fileAnnotations": dict.fromkeys(ANNOTATIONS),
        "industryClassification": None,
        "originalFileHash": None,
        "ipCaptureEvent": _IP,
        "deviceId": None,
        "details": None,
        "additionalInfo": None,
    },
}


# --- Documents -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attributed:
    """A text with attributes, such as a hash with its hashType."""

    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def document(root: str, content: Mapping[str, Any]) -> bytes:
    """The document `root` with `content`, children in the schema's order whatever order they come in.

    Values: text, bool, int, datetime with a zone, Attributed, a mapping of children, or a list of
    those for an element that repeats. None leaves an element out; a mapping {} is an empty element.
    Raises ValueError for an element the schema has not at that place.
    """
    element = ElementTree.Element(root)
    _fill(element, content, ORDER[root])
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(
        element, encoding="utf-8"
    )


def _fill(
    parent: ElementTree.Element, content: Mapping[str, Any], order: Mapping[str, Any]
) -> None:
    unknown = set(content) - set(order)
    if unknown:
        raise ValueError(f"{parent.tag} can't hold {', '.join(sorted(unknown))}")
    for name, inner in order.items():
        value = content.get(name)
        if value is None:
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            child = ElementTree.SubElement(parent, name)
            if isinstance(one, Mapping):
                _fill(child, one, inner or {})
            else:
                child.text = clean(_text(one))
                if isinstance(one, Attributed):
                    child.attrib.update({k: clean(v) for k, v in one.attributes.items()})


def _text(value: Any) -> str:
    if isinstance(value, Attributed):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.isoformat(timespec="seconds")
    return str(value)


def clean(text: str) -> str:
    """Without the characters XML 1.0 has no way to write."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )


# --- Answers -------------------------------------------------------------------------------------


class CyberTipError(Exception):
    """The service did not do what was asked. `code`: its own, or one of UNREACHABLE, UNREADABLE."""

    UNREACHABLE: Final = -1
    UNREADABLE: Final = -2

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


OK: Final = 0
UNKNOWN_REPORT: Final = 5001
ALREADY_FINISHED: Final = 5102
# The request itself is wrong, and a person has to change something: credentials, permission, content.
TERMINAL: Final = frozenset({2000, 3000, 3100, 4100})


@dataclass(frozen=True)
class Answer:
    """What a response document said. files: ids of /finish."""

    root: str
    code: int
    description: str = ""
    report_id: str = ""
    file_id: str = ""
    hash: str = ""
    files: tuple[str, ...] = ()


def read_answer(body: bytes) -> Answer:
    """Read a response document. Raises CyberTipError (UNREADABLE) for anything else, a document type
    or an entity declaration among it."""
    fields: dict[str, list[str]] = {}
    path: list[str] = []
    root: list[str] = []
    text: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(path) >= 8:
            raise CyberTipError(CyberTipError.UNREADABLE, "the answer is nested too deep")
        name = name.rpartition(":")[2]
        if not path:
            root.append(name)
        path.append(name)
        text.clear()

    def end(name: str) -> None:
        fields.setdefault("/".join(path[1:]), []).append("".join(text).strip())
        path.pop()
        text.clear()

    def forbid(*arguments: Any) -> None:
        raise CyberTipError(CyberTipError.UNREADABLE, "the answer declares a document type")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = forbid
    parser.EntityDeclHandler = forbid
    try:
        parser.Parse(body, True)
        code = int(fields["responseCode"][0])
    except (xml.parsers.expat.ExpatError, KeyError, ValueError) as error:
        raise CyberTipError(
            CyberTipError.UNREADABLE, "the answer is no response document"
        ) from error

    def first(name: str) -> str:
        return fields.get(name, [""])[0][:200]

    return Answer(
        root=root[0],
        code=code,
        description=first("responseDescription"),
        report_id=first("reportId"),
        file_id=first("fileId"),
        hash=first("hash").lower(),
        files=tuple(fields.get("files/fileId", ())),
    )


# --- The client ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """A file to send: `chunks` is read once, while it is sent."""

    name: str
    size: int
    chunks: Iterable[bytes]


class Client:
    """One account at one of the two services. Every call answers, or raises CyberTipError."""

    def __init__(
        self, base: str, user: str, password: str, *, seconds: float = REQUEST_SECONDS
    ) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address must start with https://")
        self.base, self._parts, self._seconds = base.rstrip("/"), parts, seconds
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Accept": "text/xml"}

    def status(self) -> Answer:
        """Whether the service runs and knows us."""
        return self._ok("GET", "/status")

    def schema(self) -> bytes:
        """The schema as it is today."""
        return self._send("GET", "/xsd", most=MAX_SCHEMA_BYTES)

    def submit(self, report: bytes) -> str:
        """Open a report; returns its id. It vanishes unless it is finished within its time."""
        answer = self._ok("POST", "/submit", report, "text/xml; charset=utf-8")
        if not answer.report_id:
            raise CyberTipError(CyberTipError.UNREADABLE, "a report was opened without an id")
        return answer.report_id

    def upload(self, report_id: str, file: Upload) -> Answer:
        """Add a file; the answer has its id, and the MD5 of what arrived."""
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="id"\r\n\r\n{report_id}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        def body() -> Iterator[bytes]:
            yield head
            yield from file.chunks
            yield tail

        answer = self._ok(
            "POST",
            "/upload",
            body(),
            f"multipart/form-data; boundary={boundary}",
            length=len(head) + file.size + len(tail),
        )
        if not answer.file_id:
            raise CyberTipError(CyberTipError.UNREADABLE, "a file was taken without an id")
        return answer

    def describe(self, details: bytes) -> Answer:
        """Say more about a file that was added."""
        return self._ok("POST", "/fileinfo", details, "text/xml; charset=utf-8")

    def finish(self, report_id: str) -> Answer:
        """Hand the report over. After that nothing can be added, and it can't be withdrawn."""
        return self._ok("POST", "/finish", *_form(report_id))

    def retract(self, report_id: str) -> int:
        """Withdraw an unfinished report. Returns OK, UNKNOWN_REPORT or ALREADY_FINISHED."""
        answer = read_answer(self._send("POST", "/retract", *_form(report_id)))
        if answer.code not in (OK, UNKNOWN_REPORT, ALREADY_FINISHED):
            raise CyberTipError(answer.code, answer.description or f"code {answer.code}")
        return answer.code

    def _ok(self, *arguments: Any, **options: Any) -> Answer:
        answer = read_answer(self._send(*arguments, **options))
        if answer.code != OK:
            raise CyberTipError(answer.code, answer.description or f"code {answer.code}")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        media_type: str = "",
        *,
        length: int | None = None,
        most: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """One exchange, with one deadline for all of it. Redirects are not followed."""
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = media_type
            headers["Content-Length"] = str(len(body) if isinstance(body, bytes) else length)
        seconds = self._seconds + (length or 0) / BYTES_PER_SECOND
        connection = self._connection()
        result: list[tuple[int, bytes]] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                connection.request(method, self._parts.path.rstrip("/") + path, body, headers)
                response = connection.getresponse()
                result.append((response.status, response.read(most + 1)))
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=work, daemon=True, name="cybertip-request")
        end = time.monotonic() + seconds
        thread.start()
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            if connection.sock is not None:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, which then ends
                except OSError:
                    pass
            thread.join(5)
            raise CyberTipError(
                CyberTipError.UNREACHABLE, f"no answer to {path} within {seconds:.0f} s"
            )
        connection.close()
        if failure:
            if isinstance(failure[0], OSError | http.client.HTTPException):
                raise CyberTipError(
                    CyberTipError.UNREACHABLE, f"{path}: {type(failure[0]).__name__}"
                ) from failure[0]
            raise failure[0]  # the evidence could not be read: not the service's fault
        status, answer = result[0]
        if len(answer) > most:
            raise CyberTipError(CyberTipError.UNREADABLE, f"{path} answered too much")
        if status == 401:
            raise CyberTipError(2000, "the user name or the password is not accepted")
        if status == 403:
            raise CyberTipError(3000, "this account may not report")
        if status >= 300 and not answer.lstrip().startswith(b"<"):
            raise CyberTipError(CyberTipError.UNREACHABLE, f"{path} answered {status}")
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._seconds, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=self._seconds)


def _form(report_id: str) -> tuple[bytes, str]:
    return urlencode({"id": report_id}).encode(), "application/x-www-form-urlencoded"
