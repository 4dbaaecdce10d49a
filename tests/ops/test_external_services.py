"""One site over PostgreSQL, Redis, RabbitMQ and an object store of others, by settings alone.

The tests build on each other, in order. Where the three servers aren't installed they are skipped.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.ops import external
from tests.ops.sites import Site, manage, new_state_folder, wait_for

pytestmark = pytest.mark.skipif(
    bool(external.MISSING),
    reason=f"NO {', '.join(external.MISSING)} SERVER: running on external services was not tested. "
    "Debian: apt install postgresql redis-server rabbitmq-server",
)
PATIENCE = 300.0  # seconds; the machine may be busy with other tests
S3_KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def services() -> Iterator[external.Services]:
    services = external.Services()
    try:
        services.start()
        yield services
    finally:
        services.remove()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in S3_KEYS.items():
        patch.setenv(name, value)
    bucket = boto3.resource("s3", endpoint_url=f"http://{host}:{port}").Bucket("external-clips")
    bucket.create()
    yield bucket
    patch.undo()
    server.stop()


@pytest.fixture(scope="module")
def settings(services: external.Services, bucket: Any) -> dict[str, str]:
    """Everything docs/operations.md names for a site on services of its own."""
    endpoint = bucket.meta.client.meta.endpoint_url
    s3 = {"MEDIA_BACKEND": "s3", "S3_BUCKET": bucket.name, "S3_ENDPOINT_URL": endpoint}
    return services.settings | s3 | S3_KEYS


@pytest.fixture(scope="module")
def site(settings: dict[str, str]) -> Iterator[Site]:
    site = Site(new_state_folder(), "--no-embedded", **settings)
    try:
        site.start()
        yield site
    finally:
        site.remove()


class Person:
    """The first operator, signed in with a session as a browser has it."""

    def __init__(self, site: Site) -> None:
        self.base = f"http://localhost:{site.port}"
        self.session = requests.Session()
        page = self.session.get(f"{self.base}/accounts/login/", timeout=20).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        form = {
            "csrfmiddlewaretoken": token.group(1),
            "login": "admin@localhost",
            "password": (site.folder / "secrets" / "first-admin").read_text().strip(),
        }
        self.session.post(f"{self.base}/accounts/login/", data=form, timeout=20)
        self.workspace = self.read("/api/v1/workspaces/")["results"][0]["id"]

    def ask(self, **values: Any) -> str:
        body = {
            "prompt": "a blue boat on a lake",
            "seconds": 2,
            "width": 512,
            "height": 288,
        } | values
        headers = {"X-CSRFToken": self.session.cookies["csrftoken"]}
        path = f"{self.base}/api/v1/workspaces/{self.workspace}/generations/"
        answer = self.session.post(path, json=body, headers=headers, timeout=20)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def read(self, path: str) -> Any:
        answer = self.session.get(self.base + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stage(self, job: str) -> str:
        """Where a job stands; "" while the site can't say."""
        try:
            found = self.read(f"/api/v1/generations/{job}/")
        except requests.RequestException:
            return ""
        return str(found["progress"]["stage"] if found["status"] == "running" else found["status"])

    def wait(self, job: str, *stages: str) -> None:
        assert wait_for(lambda: self.stage(job) in stages, PATIENCE), self.read(
            f"/api/v1/generations/{job}/"
        )


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    return Person(site)


def test_it_starts_no_service_of_its_own_and_is_ready(site: Site) -> None:
    assert set(site.units) == {"web", "worker"}
    assert not (site.folder / "postgres").exists()
    assert json.loads(site.get("/readyz")[1])["checks"]["database"] == "ok"


def test_doctor_says_that_each_answers(site: Site, settings: dict[str, str]) -> None:
    said = manage(site.folder, "doctor", **settings).stdout

    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "S3_BUCKET"):
        assert f"ok  external {name}: answers" in said


def test_a_start_with_wrong_addresses_names_the_settings_and_shows_no_password(
    settings: dict[str, str],
) -> None:
    folder = new_state_folder()
    wrong = settings | {
        "DATABASE_URL": settings["DATABASE_URL"].replace(external.ESCAPED, "not-the-password"),
        "REDIS_URL": "redis://:not-the-password@127.0.0.1:1",
        "BROKER_URL": settings["BROKER_URL"].replace("sora-secret", "not-the-password"),
        "S3_BUCKET": "no-such-bucket",
    }

    done = manage(folder, "up", "--no-embedded", "--port", "0", **wrong)

    assert done.returncode == 1
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "S3_BUCKET"):
        assert f"  {name}: " in done.stderr
    assert "not-the-password" not in done.stderr
    assert "Traceback" not in done.stderr


def test_generate_delivers_a_signed_clip_from_the_object_store(
    site: Site, settings: dict[str, str], bucket: Any, tmp_path: Path
) -> None:
    target = tmp_path / "clip.mp4"

    done = manage(
        site.folder,
        *(
            "generate",
            "a red balloon rises over the ocean at sunset",
            "--seconds",
            "2",
            "--steps",
            "4",
        ),
        *("--size", "512x288", "-o", str(target), "--json"),
        **settings,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verification"]["c2pa"]["state"] == "trusted"
    stored = [row for row in bucket.objects.all() if row.key.endswith("/clip.mp4")]
    assert [row.get()["Body"].read() for row in stored] == [target.read_bytes()]
    assert stored[0].key.startswith("private/")


@pytest.mark.parametrize("away", [("worker",), ("redis", "rabbitmq"), ("postgres",)], ids="+".join)
def test_what_dies_and_comes_back_costs_the_running_job_nothing_but_time(
    away: tuple[str, ...], services: external.Services, site: Site, person: Person
) -> None:
    job = person.ask(steps=8)
    person.wait(job, "denoise")

    servers = [getattr(services, name) for name in away if name != "worker"]
    if "worker" in away:
        os.kill(site.units["worker"], signal.SIGKILL)
    for server in servers:
        server.kill()
    for server in servers:
        server.start()

    person.wait(job, "succeeded")
    found = person.read(f"/api/v1/generations/{job}/")
    assert (found["credit_state"], found["video"] is None) == ("captured", False)


def test_every_clip_was_charged_once(site: Site, settings: dict[str, str]) -> None:
    code = (
        "from billing.models import LedgerEntry as L; from generation.models import Video as V;"
        "kinds = list(L.objects.filter(reference__in=[str(v.generation_id) for v in V.objects.all()])"
        ".values_list('kind', flat=True));"
        "print(V.objects.count(), kinds.count('capture'), kinds.count('release'))"
    )

    said = manage(site.folder, "shell", "-v0", "-c", code, **settings).stdout.split()
    clips, captures, releases = map(int, said)
    assert clips == captures > 0
    assert releases == 0


def test_a_page_may_show_and_a_person_may_download_what_lies_in_the_object_store(
    person: Person, bucket: Any
) -> None:
    path = f"/api/v1/workspaces/{person.workspace}/generations/"
    video = person.read(path)["results"][0]["video"]
    page = person.session.get(person.base + video["page_url"], timeout=20)

    part = person.session.get(
        person.base + video["download_url"], headers={"Range": "bytes=4-7"}, timeout=20
    )

    store = bucket.meta.client.meta.endpoint_url
    policy = page.headers["Content-Security-Policy"]
    assert all(store in re.search(f"{kind}-src ([^;]*)", policy)[1] for kind in ("img", "media"))
    assert part.url.startswith(store)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert "attachment" in part.headers["Content-Disposition"]


def test_requests_leave_no_connections_to_the_broker_behind(site: Site, person: Person) -> None:
    for _ in range(3):
        job = person.ask()
        cancel = f"{person.base}/api/v1/generations/{job}/cancel/"
        headers = {"X-CSRFToken": person.session.cookies["csrftoken"]}
        assert person.session.post(cancel, headers=headers, timeout=20).ok

    assert wait_for(lambda: broker_connections(site) == 1, 10)


def broker_connections(site: Site) -> int:
    """Open connections of the web process to RabbitMQ, from /proc."""
    port = int(site.environment["BROKER_URL"].rsplit(":", 1)[1].split("/")[0])
    sockets = {
        os.readlink(link)
        for link in Path(f"/proc/{site.units['web']}/fd").iterdir()
        if os.path.islink(link)
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        f"socket:[{inode}]" in sockets and int(remote.split(":")[1], 16) == port
        for remote, inode in ((row[2], row[9]) for row in rows)
    )
