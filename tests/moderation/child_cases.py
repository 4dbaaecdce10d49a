"""Child-safety cases for tests. Every picture is a drawing in flat colours; nothing real is ever used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings as site
from django.db import connection

from accounts.models import User
from accounts.services import personal_workspace
from generation.incidents import Incident
from moderation import childsafety
from moderation.childsafety_models import ChildSafetyCase, CyberTip
from moderation.screening.protocol import Category, Score, Verdict
from tests.factories import add_second_factor, make_generation, make_user
from tests.generation.uploading import drawing, encoded
from tests.moderation.cybertip_double import PASSWORD, USER

GRAVE = Verdict(
    action="refuse",
    profile="minor_referenced",
    categories=("sexual_minors",),
    reasons=("sexual_minors",),
    scores=(Score(Category.SEXUAL, 1.0, "blocklist"),),
)
MILD = Verdict(
    action="refuse",
    profile="minor_referenced",
    categories=("sexual_minors",),
    reasons=("sexual_minors",),
    scores=(Score(Category.SEXUAL, 0.93, "text_embedding"),),
)
SUSPECTED = Verdict(
    action="refuse",
    profile="upload",
    categories=("sexual_minors",),
    reasons=("sexual_minors",),
    scores=(Score(Category.SEXUAL_MINORS, 0.8, "frame_test"),),
)
REPORTER = "Robin Example <safety@site.example>"


def make_reviewer(email: str = "reviewer@example.com") -> User:
    """Staff with a second factor and the permission."""
    person = make_user(email, is_staff=True)
    add_second_factor(person)
    childsafety.set_reviewer(person, allowed=True, by=None)
    return person


def make_case(
    person: User | None = None,
    *,
    kind: Any = "suspected",
    files: int = 1,
    verdict: Verdict = SUSPECTED,
    text: str = "a drawing of a house",
) -> ChildSafetyCase:
    """A case as a check opens it, about a finished clip (a drawing stands for it)."""
    person = person or make_user()
    workspace = personal_workspace(person)
    job = make_generation(workspace, by=person, status="refused", reason_code="sexual_minors")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(encoded(drawing()))
        childsafety.take(
            Incident(
                kind=kind,
                stage="output",
                workspace=workspace,
                person=person,
                verdict=verdict,
                texts=(("prompt", text),),
                generation=job,
                file=path if files else None,
                media_type="image/png",
                stills=((0.0, np.asarray(drawing())),),
            )
        )
    return ChildSafetyCase.objects.latest("pk")


def use_double(settings: Any, url: str) -> None:
    """Point the site at a CyberTipline of the test's own."""
    settings.SORA_CYBERTIP_URL = url
    settings.SORA_CYBERTIP_USER = USER
    settings.SORA_CYBERTIP_PASSWORD = PASSWORD
    settings.SORA_CYBERTIP_REPORTER = REPORTER


def reported(person: User | None = None, **options: Any) -> CyberTip:
    """A case somebody decided to report: its report waits for a worker."""
    case = make_case(person, **options)
    childsafety.decide(case, action="report", note="A test.", by=make_user(is_staff=True))
    return CyberTip.objects.get(case=case)


ZYGOTE = """
import os, sys
import django; django.setup()
from moderation import cybertip_filing
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.environ["SORA_FAILPOINTS"] = line.strip()
        cybertip_filing.drain()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Workers:
    """Worker processes of their own on this test's database, one after the other, each with its
    failpoints. They are forked from one that has everything loaded and no connection yet."""

    def __init__(self, url: str) -> None:
        name = connection.settings_dict["NAME"]
        database = site.DATABASE_URL.replace("/sora?", f"/{name}?")
        if database == site.DATABASE_URL:
            database = site.DATABASE_URL.rsplit("/", 1)[0] + f"/{name}"
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", ZYGOTE],
            cwd=site.BASE_DIR,
            env={
                **os.environ,
                "DATABASE_URL": database,
                "SORA_LEASE_SECONDS": "60",
                "SORA_CYBERTIP_URL": url,
                "SORA_CYBERTIP_USER": USER,
                "SORA_CYBERTIP_PASSWORD": PASSWORD,
                "SORA_CYBERTIP_REPORTER": REPORTER,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer("ready")

    def _answer(self, wanted: str | None = None) -> str:
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "":
            if wanted is None or line.strip() == wanted:
                return line.strip()
        raise AssertionError("the workers ended")

    def run(self, failpoint: str = "") -> int:
        """One worker files what is due. Returns its exit status, -9 for a killed one."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{failpoint}\n")
        self._process.stdin.flush()
        return int(self._answer())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
