"""The library: folders, favourites, trash, search, presets; who may, and what it leaves behind."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Membership, User, Workspace
from accounts.services import personal_workspace
from generation import library, presets, services, shelf
from generation.models import Fingerprint, Folder, Generation, Source, Upload, Video
from generation.models.jobs import words_of
from generation.models.videos import word_query
from generation.presets import with_presets
from moderation import services as moderation
from moderation.models import Case
from sora_site.lib import storage
from tests.factories import make_generation, make_membership, make_user, make_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(workspace: Workspace) -> str:
    return f"/api/v1/workspaces/{workspace.pk}/"


@pytest.fixture
def viewer(workspace: Workspace) -> APIClient:
    client = APIClient()
    client.force_login(make_membership(workspace, role=Membership.Role.VIEWER).user)
    return client


@pytest.fixture
def page(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def act(client: APIClient, address: str, action: str, *videos: Video, **more: Any) -> Any:
    body = {"action": action, "videos": [str(video.pk) for video in videos], **more}
    return client.post(f"{address}library/", body)


def listed(client: APIClient, address: str, **query: Any) -> list[str]:
    answer = client.get(f"{address}library/", query)
    assert answer.status_code == 200, answer.content
    return [card["id"] for card in answer.json()["results"]]


def folder_named(client: APIClient, address: str, name: str) -> int:
    answer = client.post(f"{address}folders/", {"name": name})
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


# --- Folders ---------------------------------------------------------------------------------------


def test_clips_move_between_folders_and_fall_out_of_a_deleted_one(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    one, two = make_video(workspace), make_video(workspace)
    boats, birds = folder_named(api, address, " Boats  and more "), folder_named(api, address, "b")
    act(api, address, "move", one, two, folder=boats)
    act(api, address, "move", two, folder=birds)

    assert listed(api, address, folder=boats) == [str(one.pk)]
    assert [(f["name"], f["clips"]) for f in api.get(f"{address}folders/").json()] == [
        ("b", 1),
        ("Boats and more", 1),
    ]
    assert api.delete(f"/api/v1/folders/{boats}/").status_code == 204
    assert len(listed(api, address)) == 2
    act(api, address, "move", two, folder=None)
    assert listed(api, address, folder=birds) == []


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("", 400, "invalid_request"),
        ("   ", 400, "invalid_request"),
        ("x" * 81, 400, "invalid_request"),
        ("a\x07b", 400, "invalid_request"),
        ("BOATS", 409, "folder_name_taken"),
    ],
)
def test_a_folder_needs_a_name_of_its_own(
    api: APIClient, address: str, name: str, status: int, code: str
) -> None:
    folder_named(api, address, "Boats")
    answer = api.post(f"{address}folders/", {"name": name})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["param"] == "name"


def test_a_folder_is_renamed(api: APIClient, address: str) -> None:
    folder = folder_named(api, address, "Boats")

    assert api.patch(f"/api/v1/folders/{folder}/", {"name": "Ships"}).json()["name"] == "Ships"
    assert Folder.objects.get().name == "Ships"


# --- Trash -----------------------------------------------------------------------------------------


def test_the_trash_unshares_hides_and_gives_back(
    api: APIClient, stranger: APIClient, workspace: Workspace, address: str
) -> None:
    video = make_video(workspace)
    assert act(api, address, "trash", video).json() == {"clips": 1}

    assert listed(api, address) == []
    assert listed(api, address, show="trash") == [str(video.pk)]
    assert stranger.get(f"/clips/{video.pk}/").status_code == 404
    assert stranger.get("/api/v1/feeds/recent/").json()["videos"] == []
    assert api.post(f"/api/v1/videos/{video.pk}/share/").status_code == 409
    assert b"in the trash" in api.get(f"/clips/{video.pk}/").content

    assert act(api, address, "restore", video).json() == {"clips": 1}
    assert listed(api, address, show="private") == [str(video.pk)]
    events = list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))
    assert [e for e in events if e.startswith("video.")] == [
        "video.unshared",
        "video.trashed",
        "video.taken_from_trash",
    ]


def test_a_clip_keeps_its_folder_through_the_trash(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    video = make_video(workspace)
    folder = folder_named(api, address, "Boats")
    act(api, address, "move", video, folder=folder)
    act(api, address, "trash", video)
    while_away = listed(api, address, folder=folder)
    act(api, address, "restore", video)

    assert (while_away, listed(api, address, folder=folder)) == ([], [str(video.pk)])


def stored(video: Video) -> list[Path]:
    paths = []
    for key in (video.media_key, video.poster_key):
        path = storage.local_path(key)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        paths.append(path)
    return paths


def test_emptying_deletes_for_good(api: APIClient, workspace: Workspace, address: str) -> None:
    gone, kept = make_video(workspace), make_video(workspace)
    paths = stored(gone)
    Fingerprint.objects.create(
        workspace=workspace, video=gone, at_ms=0, variant=0, hash=bytes(32), bands=[0] * 16
    )
    act(api, address, "trash", gone)
    assert api.delete(f"{address}trash/").json() == {"clips": 1}

    assert api.get(f"/clips/{gone.pk}/").status_code == 404
    assert act(api, address, "restore", gone).status_code == 404
    assert all(path.exists() for path in paths)
    assert library.sweep_trash() == 1
    gone.refresh_from_db()
    assert not any(path.exists() for path in paths)
    assert (gone.media_key, bytes(gone.manifest), gone.generation.prompt) == ("", b"", "")
    assert not gone.fingerprints.exists()
    assert library.sweep_trash() == 0
    assert listed(api, address) == [str(kept.pk)]


def test_the_sweep_deletes_what_lay_long_enough(
    workspace: Workspace, alice: User, settings: Any
) -> None:
    settings.SORA_TRASH_DAYS = 30
    old, new = make_video(workspace), make_video(workspace)
    library.trash([old, new], by=alice)
    Video.objects.filter(pk=old.pk).update(trashed_at=timezone.now() - timedelta(days=31))
    library.sweep_trash()

    assert list(Video.objects.in_trash()) == [new]
    assert AuditEntry.objects.get(event="video.deleted").actor is None


def test_evidence_keeps_its_files(workspace: Workspace, alice: User, staff: User) -> None:
    reported, removed = make_video(workspace), make_video(workspace)
    paths = stored(reported)
    moderation.file_report(reported, reason="violence_gore", reporter=make_user())
    library.trash([reported, removed], by=alice)
    library.empty_trash(workspace, by=alice)
    services.quarantine_video(removed, by=staff, reason="test")
    assert library.sweep_trash() == 0
    assert all(path.exists() for path in paths)

    moderation.decide(Case.objects.get(), action="dismiss", note="fine", by=staff)
    assert library.sweep_trash() == 1
    assert Video.objects.get(pk=removed.pk).media_key != ""


def test_the_database_keeps_trashed_clips_private(workspace: Workspace) -> None:
    video = make_video(workspace, shared=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Video.objects.filter(pk=video.pk).update(trashed_at=timezone.now())


# --- Favourites and search -------------------------------------------------------------------------


def test_favourites_are_each_persons_own(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    one, two = make_video(workspace), make_video(workspace)
    colleague = APIClient()
    colleague.force_login(make_membership(workspace).user)
    act(api, address, "favourite", one)
    act(api, address, "favourite", one, two)
    act(api, address, "unfavourite", two)

    assert listed(api, address, show="favourites") == [str(one.pk)]
    assert listed(colleague, address, show="favourites") == []
    marks = {c["id"]: c["favourite"] for c in api.get(f"{address}library/").json()["results"]}
    assert marks == {str(one.pk): True, str(two.pk): False}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("balloon", ["balloon"]),
        ("BALLOONS", ["balloon"]),
        ("ball", ["balloon"]),
        ("the ocean", ["balloon"]),
        ("schiff fährt", ["schiff"]),
        ("ocean boat", []),
        ("'); drop table -- |&!:*<>()", []),
        ("  ", ["schiff", "balloon"]),
    ],
)
def test_search_finds_words_and_beginnings(
    api: APIClient, workspace: Workspace, address: str, words: str, found: list[str]
) -> None:
    ids = {
        "balloon": str(make_video(workspace, prompt="A red balloon rises over the ocean").pk),
        "schiff": str(make_video(workspace, prompt="Ein Schiff fährt nach Norden").pk),
    }

    assert listed(api, address, q=words) == [ids[name] for name in found]


def test_search_uses_the_index(workspace: Workspace) -> None:
    make_video(workspace)
    rows = Generation.objects.alias(found=words_of("prompt")).filter(found=word_query("balloon"))
    query, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "generation_words" in plan


def test_filters_combine_and_pages_follow_each_other(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    for number in range(shelf.PAGE + 2):
        video = make_video(workspace, prompt=f"a boat {number}")
        video.generation.tool = "remix" if number % 2 else "text"
        video.generation.save()
    first = api.get(f"{address}library/", {"q": "boat"}).json()
    second = api.get(f"{address}library/", {"q": "boat", "cursor": first["next_cursor"]}).json()

    assert len(first["results"]) == shelf.PAGE
    assert len(second["results"]) == 2 and second["next_cursor"] is None
    assert len(listed(api, address, tool="remix", q="boat")) == shelf.PAGE // 2 + 1


@pytest.mark.parametrize(
    ("query", "status"),
    [({"show": "nonsense"}, 400), ({"cursor": "x"}, 400), ({"folder": "999"}, 404)],
)
def test_a_filter_that_makes_no_sense_is_refused(
    api: APIClient, address: str, query: dict[str, str], status: int
) -> None:
    assert api.get(f"{address}library/", query).status_code == status


# --- Who may ---------------------------------------------------------------------------------------


def test_strangers_find_nothing_and_viewers_change_nothing(
    stranger: APIClient,
    viewer: APIClient,
    workspace: Workspace,
    address: str,
    alice: User,
) -> None:
    video = make_video(workspace)
    folder = library.create_folder(workspace, "Boats", by=alice)
    preset = library.save_preset(workspace, name="Mine", text="soft", by=alice)
    some = {"videos": [str(video.pk)]}
    writes = [
        ("post", f"{address}library/", {"action": "trash", **some}),
        ("post", f"{address}library/", {"action": "favourite", **some}),
        ("delete", f"{address}trash/", None),
        ("post", f"{address}downloads/", some),
        ("post", f"{address}folders/", {"name": "x"}),
        ("patch", f"/api/v1/folders/{folder.pk}/", {"name": "x"}),
        ("delete", f"/api/v1/folders/{folder.pk}/", None),
        ("post", f"{address}presets/", {"name": "x", "text": "y"}),
        ("patch", f"/api/v1/presets/{preset.pk}/", {"name": "x"}),
        ("delete", f"/api/v1/presets/{preset.pk}/", None),
        ("put", f"/api/v1/videos/{video.pk}/remixing/", {"allowed": False}),
    ]
    reads = [f"{address}{name}/" for name in ("library", "folders", "presets", "prompts", "chores")]

    for method, path, body in writes:
        assert getattr(stranger, method)(path, body).status_code == 404, path
        assert getattr(viewer, method)(path, body).status_code == 403, path
        assert getattr(APIClient(), method)(path, body).status_code in (401, 403), path
    for path in reads:
        assert stranger.get(path).status_code == 404, path
        assert viewer.get(path).status_code == 200, path
    video.refresh_from_db()
    assert (video.trashed_at, video.remixable) == (None, True)


def test_one_foreign_clip_among_the_chosen_stops_all(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    mine, theirs = make_video(workspace), make_video(shared=True)

    assert act(api, address, "trash", mine, theirs).status_code == 404
    assert listed(api, address) == [str(mine.pk)]


def test_a_foreign_folder_is_404(api: APIClient, workspace: Workspace, address: str) -> None:
    other = make_user()
    theirs = library.create_folder(make_video(by=other).workspace, "x", by=other)

    assert act(api, address, "move", make_video(workspace), folder=theirs.pk).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "explode", "videos": []},
        {"action": "trash", "videos": []},
        {"action": "trash", "videos": ["nonsense"]},
        {"action": "trash", "videos": ["00000000-0000-0000-0000-000000000000"] * 201},
    ],
)
def test_a_bad_action_names_its_field(api: APIClient, address: str, body: dict[str, Any]) -> None:
    answer = api.post(f"{address}library/", body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"]


# --- Presets, prompts, settings --------------------------------------------------------------------


def test_own_presets_are_kept_changed_and_deleted(api: APIClient, address: str) -> None:
    made = api.post(f"{address}presets/", {"name": "Soft", "text": " in soft  light "}).json()
    changed = api.patch(f"/api/v1/presets/{made['id']}/", {"text": "in hard light"}).json()
    twice = api.post(f"{address}presets/", {"name": "soft", "text": "x"})

    assert (made["text"], changed["name"], changed["text"]) == (
        "in soft light",
        "Soft",
        "in hard light",
    )
    assert (twice.status_code, twice.json()["error"]["param"]) == (400, "name")
    assert [p["name"] for p in api.get(f"{address}presets/").json()["own"]] == ["Soft"]
    assert api.delete(f"/api/v1/presets/{made['id']}/").status_code == 204


@pytest.mark.parametrize(
    ("vocabulary", "styles", "cameras"),
    [
        (None, len(presets.STYLES), len(presets.CAMERAS)),
        ('{"objects": {}}', 0, 0),
        ('{"styles": {"plain": [], "pixel": []}, "cameras": ["static", "pan left"]}', 2, 2),
        ("broken", 0, 0),
        ("[]", 0, 0),
    ],
)
def test_built_in_presets_are_those_the_model_knows(
    api: APIClient,
    address: str,
    settings: Any,
    tmp_path: Path,
    vocabulary: str | None,
    styles: int,
    cameras: int,
) -> None:
    settings.SORA_MODEL_DIR = tmp_path
    if vocabulary is not None:
        (tmp_path / "vocabulary.json").write_text(vocabulary)
    found = api.get(f"{address}presets/").json()

    assert (len(found["styles"]), len(found["cameras"])) == (styles, cameras)


def test_the_words_of_presets_are_those_of_the_captions() -> None:
    from generation.training import captions

    for table, phrases in (("styles", captions.STYLES), ("cameras", captions.CAMERAS)):
        for preset in presets.TABLES[table]:
            assert preset.code in phrases
            assert not preset.text or preset.text in phrases[preset.code]


def test_presets_follow_the_prompt_once() -> None:
    assert with_presets("a boat.", style="pixel", camera="pan left") == (
        "a boat, as pixel art, the camera pans left"
    )
    assert with_presets("a boat, as Pixel art", style="pixel") == "a boat, as Pixel art"
    assert with_presets("a boat", style="nonsense", camera="static") == "a boat"


def test_the_prompt_history_holds_each_prompt_once(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    for prompt in ("a boat", "a bird", "a boat"):
        make_generation(workspace, prompt=prompt)
    make_generation(prompt="somebody else's")
    prompts = api.get(f"{address}prompts/").json()["prompts"]

    assert [item["prompt"] for item in prompts] == ["a boat", "a bird"]
    assert [i["prompt"] for i in api.get(f"{address}prompts/?q=BIRD").json()["prompts"]] == [
        "a bird"
    ]


def test_settings_of_a_clip_one_may_see_open_the_composer(
    stranger: APIClient, workspace: Workspace
) -> None:
    shared, private = (
        make_video(workspace, prompt="a green boat"),
        make_video(workspace, shared=False),
    )
    found = stranger.get(f"/api/v1/videos/{shared.pk}/settings/").json()
    html = stranger.get(found["composer_url"]).content.decode()

    assert found["prompt"] == "a green boat" and found["seed"] == 7
    assert "a green boat" in html and 'value="7"' in html
    assert stranger.get(f"/api/v1/videos/{private.pk}/settings/").status_code == 404
    assert stranger.get(f"/create/?from={private.pk}").status_code == 404
    assert stranger.get("/create/?from=nonsense").status_code == 404


# --- Pages -----------------------------------------------------------------------------------------


def ids_on(client: Client, **query: Any) -> set[str]:
    answer = client.get("/library/", query)
    assert answer.status_code == 200
    return set(re.findall(r'data-clip="([^"]+)"', answer.content.decode()))


def test_the_page_works_without_script(page: Client, workspace: Workspace) -> None:
    one, two = make_video(workspace), make_video(workspace)
    made = page.post("/library/folders/", {"name": "Boats"})
    folder = Folder.objects.get()
    page.post("/library/act/", {"action": "move", "videos": [one.pk], "folder": folder.pk})
    in_folder = ids_on(page, folder=folder.pk)
    page.post("/library/act/", {"action": "trash", "videos": [two.pk]})
    page.post("/library/act/", {"action": "favourite", "videos": [one.pk]})

    assert made["Location"] == f"/library/?folder={folder.pk}"
    assert in_folder == ids_on(page) == ids_on(page, show="favourites") == {str(one.pk)}
    assert ids_on(page, show="trash") == {str(two.pk)}
    page.post("/library/act/", {"action": "restore", "videos": [two.pk]})
    assert len(ids_on(page)) == 2
    page.post(f"/library/folders/{folder.pk}/", {"name": "Ships"})
    assert b"Ships" in page.get("/library/").content
    page.post(f"/library/folders/{folder.pk}/", {"action": "delete"})
    page.post("/library/act/", {"action": "trash", "videos": [two.pk]})
    answer = page.post("/library/trash/empty/", follow=True)
    assert "Deleted 1 clip for good." in answer.content.decode()
    assert "The trash is empty" in answer.content.decode()


def test_the_page_says_what_went_wrong(page: Client, workspace: Workspace) -> None:
    page.post("/library/folders/", {"name": "Boats"})
    twice = page.post("/library/folders/", {"name": "boats"}, follow=True).content.decode()
    none = page.post("/library/act/", {"action": "trash"}, follow=True).content.decode()

    assert "There is a folder of this name." in twice
    assert "Choose at least one clip first." in none
    assert page.post("/library/act/", {"action": "trash", "videos": ["x"]}).status_code == 404
    assert (
        page.post(
            "/library/act/",
            {"action": "favourite", "videos": [make_video(workspace).pk], "next": "//evil.example"},
        )["Location"]
        == "/library/"
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "Your shelf is empty"),
        ({"show": "trash"}, "The trash is empty"),
        ({"show": "favourites"}, "No favourites yet"),
        ({"q": "boat"}, "Nothing matches"),
    ],
)
def test_every_empty_view_says_what_to_do(page: Client, query: dict[str, str], says: str) -> None:
    assert says in page.get("/library/", query).content.decode()


def test_an_empty_folder_says_so_and_a_foreign_one_is_ignored(
    page: Client, workspace: Workspace, alice: User
) -> None:
    folder = library.create_folder(workspace, "Boats", by=alice)

    assert "This folder is empty" in page.get("/library/", {"folder": folder.pk}).content.decode()
    assert page.get("/library/", {"folder": "7" * 30}).status_code == 200


def test_the_list_view_is_kept_by_every_link(page: Client, workspace: Workspace) -> None:
    make_video(workspace)
    html = page.get("/library/", {"view": "list"}).content.decode()

    assert "grid--list" in html
    assert "?show=shared&amp;view=list" in html


def test_the_page_costs_the_same_number_of_queries_for_many_clips(
    page: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_video(workspace)
    page.get("/library/")
    with django_assert_max_num_queries(20):
        page.get("/library/")


# --- Uploads in the trash --------------------------------------------------------------------------


def upload_in(workspace: Workspace, name: str = "house.png") -> Upload:
    return Upload.objects.create(
        workspace=workspace,
        uploaded_by=workspace.owner,
        name=name,
        kind="image",
        status="ready",
        size_bytes=9,
        media_key=f"{workspace.pk}/uploads/{name}",
        poster_key=f"{workspace.pk}/uploads/{name}.webp",
    )


def test_clips_and_uploads_go_to_the_trash_and_back_together(
    api: APIClient, page: Client, workspace: Workspace, address: str
) -> None:
    clip, upload = make_video(workspace, shared=False), upload_in(workspace)
    both = {"videos": [str(clip.pk)], "uploads": [str(upload.pk)]}

    assert api.post(f"{address}library/", {"action": "trash", **both}).json() == {"clips": 2}
    trash = page.get("/library/?show=trash").content.decode()
    assert "house.png" in trash and str(clip.pk) in trash
    assert api.get(f"{address}uploads/").json()["results"] == []
    listed = api.get(f"{address}uploads/", {"trash": "1"}).json()["results"]
    assert [row["name"] for row in listed] == ["house.png"]

    form = {"action": "restore", "next": "/library/", **both}
    answer = page.post("/library/act/", form, follow=True)
    assert "Took 2 things out of the trash." in answer.content.decode()
    clip.refresh_from_db(), upload.refresh_from_db()
    assert (clip.trashed_at, upload.trashed_at) == (None, None)


def test_emptying_the_trash_deletes_uploads_that_no_clip_was_made_from(
    api: APIClient, workspace: Workspace, address: str
) -> None:
    used, unused, kept = (upload_in(workspace, name) for name in ("used", "unused", "kept"))
    job = make_generation(workspace)
    Source.objects.create(
        workspace=workspace, generation=job, upload=used, relationship="componentOf"
    )
    chosen = [str(used.pk), str(unused.pk)]
    api.post(f"{address}library/", {"action": "trash", "uploads": chosen})
    assert api.delete(f"{address}trash/").json() == {"clips": 1}
    assert set(Upload.objects.all()) == {used, kept}


def test_a_foreign_upload_among_the_chosen_stops_all(
    api: APIClient, workspace: Workspace, address: str, charlie: User
) -> None:
    mine, theirs = upload_in(workspace), upload_in(personal_workspace(charlie))
    body = {"action": "trash", "uploads": [str(mine.pk), str(theirs.pk)]}
    assert api.post(f"{address}library/", body).status_code == 404
    assert not Upload.objects.filter(trashed_at__isnull=False).exists()
    for wrong in ({"action": "trash"}, {"action": "favourite", "uploads": [str(mine.pk)]}):
        assert api.post(f"{address}library/", wrong).status_code == 400


# --- Who may remix ---------------------------------------------------------------------------------


def test_what_holds_for_new_clips_is_each_persons_own(
    api: APIClient, page: Client, workspace: Workspace, alice: User, run_worker: Any
) -> None:
    old = make_video(workspace)
    assert api.get("/api/v1/remixing/").json() == {"allowed": True, "changed": 0}
    assert api.put("/api/v1/remixing/", {"allowed": False}).json()["allowed"] is False
    old.refresh_from_db()
    assert old.remixable
    alice.refresh_from_db()
    assert not alice.lets_others_remix
    assert 'name="allowed" checked' not in page.get("/settings/").content.decode()

    form = {"allowed": "on", "also_made": "on"}
    library.allow_remixing(old, by=alice, on=False)
    answer = page.post("/settings/remixing/", form, follow=True)
    assert "1 clip changed" in answer.content.decode()
    old.refresh_from_db()
    assert old.remixable
    events = AuditEntry.objects.filter(event="user.remixing_changed").order_by("pk")
    assert [row.data for row in events] == [{"allowed": False}, {"allowed": True}]


def test_cards_of_the_feed_say_whether_a_clip_may_be_remixed(
    page: Client, workspace: Workspace
) -> None:
    free, closed = make_video(workspace), make_video(workspace, remixable=False)
    html = page.get("/").content.decode()
    assert f"/clips/{free.pk}/#remix" in html
    assert f"/clips/{closed.pk}/#remix" not in html
    assert html.count("Can't be remixed") + html.count("Can&#x27;t be remixed") == 1
    cards = page.get("/api/v1/feeds/recent/").json()["videos"]
    assert {card["id"]: card["remixable"] for card in cards} == {
        str(free.pk): True,
        str(closed.pk): False,
    }
