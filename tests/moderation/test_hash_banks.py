"""Banks of known material: fed from files, matched by the worker, looked after by staff."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from accounts.services import personal_workspace
from generation import vision
from generation.provenance.fingerprint import hash_frames
from moderation import hash_banks
from moderation.errors import InvalidBank
from moderation.models import HashBank, HashEntry, HashImport, HashMatch
from moderation.screening.known_hashes import PROVIDER
from moderation.screening.panel import FrameReview
from moderation.screening.signals import Checks
from tests.factories import make_user, make_video
from tests.screening.test_known_hashes import flip, some_hash

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> User:
    return make_user("staff@example.com", is_staff=True)


def import_lines(
    tmp_path: Path, lines: list[str], bank: str = "party", **options: Any
) -> dict[str, Any]:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    out = StringIO()
    call_command("import_hashes", str(path), bank, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_a_list_is_read_once_and_its_bad_rows_are_counted_and_named(tmp_path: Path) -> None:
    values = [some_hash().hex() for _ in range(3)]
    lines = [*values, "nothing", values[0], "0" * 64]

    first = import_lines(tmp_path, lines)
    again = import_lines(tmp_path, lines)

    assert (first["read"], first["added"], first["known"], first["bad"]) == (6, 3, 1, 2)
    assert [where for where, _ in first["bad_rows"]] == ["line 4", "line 6"]
    assert (again["added"], again["known"]) == (0, 4)
    assert HashEntry.objects.count() == 3
    assert HashImport.objects.count() == 2
    assert AuditEntry.objects.filter(event="hashes.list_imported").count() == 2


def test_a_bank_keeps_its_kind_and_its_harm(tmp_path: Path) -> None:
    import_lines(tmp_path, [some_hash().hex()])

    with pytest.raises(CommandError, match="choose another name"):
        import_lines(tmp_path, [some_hash().hex()], harm="child_abuse")
    with pytest.raises(CommandError, match="letters, digits"):
        import_lines(tmp_path, [some_hash().hex()], bank="a b/c")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_hashes", str(tmp_path / "missing.txt"), "party")


def test_what_the_source_takes_back_is_switched_off(tmp_path: Path) -> None:
    one, two = some_hash().hex(), some_hash().hex()
    import_lines(tmp_path, ["hash,id,removed", f"{one},a1,", f"{two},a2,"], form="csv")

    report = import_lines(tmp_path, ["hash,id,removed", f"{one},,true", ",a2,true"], form="csv")

    assert report["removed"] == 2
    assert set(HashEntry.objects.values_list("status", flat=True)) == {"disabled"}
    assert vision.known_hashes().matches(bytes.fromhex(one)) == []


def test_the_worker_sees_a_bank_at_once_and_no_more_once_it_is_off(
    tmp_path: Path, staff: User
) -> None:
    value = some_hash()
    assert vision.known_hashes().matches(value) == []

    import_lines(tmp_path, [value.hex()])
    (match,) = vision.known_hashes().matches(flip(value, 20))
    assert match.provider == "hashes:party"

    hash_banks.switch(HashBank.objects.get(), enabled=False, by=staff, note="a mistake")
    assert vision.known_hashes().matches(value) == []


def test_an_abuse_bank_speaks_with_the_weight_of_confirmed_material(tmp_path: Path) -> None:
    value = some_hash()
    import_lines(tmp_path, [value.hex()], harm="child_abuse")

    assert vision.known_hashes().matches(value)[0].provider == PROVIDER


def test_an_exception_keeps_a_harmless_picture_out_of_a_match(tmp_path: Path) -> None:
    listed = some_hash()
    harmless = flip(listed, 10)
    import_lines(tmp_path, [listed.hex()])
    assert vision.known_hashes().distance(harmless) == 10

    import_lines(tmp_path, [harmless.hex()], bank="exceptions", negative=True)

    assert vision.known_hashes().distance(harmless) is None
    assert vision.known_hashes().distance(listed) == 0


def scene(shift: int) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:160]
    frame = np.stack([x * 255 // 160, y * 255 // 96, np.full_like(x, 90)], axis=-1).astype(np.uint8)
    frame[30:60, 10 + shift : 50 + shift] = (240, 200, 40)
    return frame


def review_of(frames: list[np.ndarray]) -> Any:
    checks = Checks(known_hashes=vision.known_hashes(), hash_frame=vision.hash_frame)
    review = FrameReview(draws_people=False, checks=checks)
    for index, frame in enumerate(frames):
        review.add(index, index / 4, frame)
    return review.verdict()


def test_a_listed_picture_refuses_a_clip_and_a_quarantined_one_holds_it(
    tmp_path: Path, staff: User
) -> None:
    frames = [scene(shift) for shift in range(0, 80, 10)]
    (value,) = hash_frames([frames[4]])
    import_lines(tmp_path, [value.hex()])

    verdict = review_of(frames)
    assert (verdict.action, verdict.reasons) == ("refuse", ("known_content",))
    entry = HashEntry.objects.get()
    assert entry.pk in {match["entry"] for match in verdict.details["hash_matches"]}

    hash_banks.quarantine(entry.pk, reason="test")
    assert review_of(frames).action == "hold"

    hash_banks.set_entry(entry, status="disabled", by=staff, note="an ordinary drawing")
    assert review_of(frames).action == "allow"


def test_a_hash_that_floods_is_quarantined_and_a_confirmed_one_is_not(
    tmp_path: Path, staff: User
) -> None:
    import_lines(tmp_path, [some_hash().hex(), some_hash().hex()])
    flooding, confirmed = HashEntry.objects.order_by("pk")
    hash_banks.set_entry(confirmed, status="active", by=staff, note="looked at")
    people = [make_user(f"p{number}@example.com") for number in range(5)]
    for number, person in enumerate(people):
        matches = [{"bank": e.bank_id, "entry": e.pk, "distance": 3} for e in (flooding, confirmed)]
        hash_banks.note_matches(personal_workspace(person), f"generation:{number}", matches)
        hash_banks.note_matches(personal_workspace(person), f"generation:{number}", matches)
        flooding.refresh_from_db()
        assert flooding.status == ("quarantined" if number == 4 else "active")

    confirmed.refresh_from_db()
    assert confirmed.status == "active"
    assert HashMatch.objects.count() == 10
    assert AuditEntry.objects.filter(event="hashes.entry_quarantined").count() == 1


def test_one_workspace_alone_can_not_flood_a_hash_out_of_use(tmp_path: Path) -> None:
    import_lines(tmp_path, [some_hash().hex()])
    entry = HashEntry.objects.get()
    workspace = personal_workspace(make_user("one@example.com"))
    for number in range(20):
        hash_banks.note_matches(
            workspace,
            f"upload:{number}",
            [{"bank": entry.bank_id, "entry": entry.pk, "distance": 0}],
        )

    entry.refresh_from_db()
    assert entry.status == "active"


def test_a_new_hash_that_matches_clips_made_here_is_quarantined_at_once(tmp_path: Path) -> None:
    from generation.models import Fingerprint
    from generation.provenance.fingerprint import FULL, bands

    common = some_hash()
    for number in range(3):
        video = make_video()
        value = flip(common, number)
        Fingerprint.objects.create(
            workspace=video.workspace, video=video, at_ms=0, variant=FULL, hash=value,
            bands=bands(value),
        )  # fmt: skip

    report = import_lines(tmp_path, [common.hex(), some_hash().hex()])

    assert report["quarantined"] == 1
    assert bytes(HashEntry.objects.get(status="quarantined").value) == common


def test_staff_must_say_why(tmp_path: Path, staff: User) -> None:
    import_lines(tmp_path, [some_hash().hex()])

    with pytest.raises(InvalidBank):
        hash_banks.switch(HashBank.objects.get(), enabled=False, by=staff, note=" ")
    with pytest.raises(InvalidBank):
        hash_banks.set_entry(HashEntry.objects.get(), status="disabled", by=staff, note="")


def test_a_search_finds_what_is_near_in_every_bank_and_is_audited(
    tmp_path: Path, staff: User
) -> None:
    value = some_hash()
    import_lines(tmp_path, [value.hex(), some_hash().hex()])
    import_lines(tmp_path, [flip(value, 12).hex()], bank="second")
    hash_banks.switch(HashBank.objects.get(name="second"), enabled=False, by=staff, note="test")

    found = hash_banks.search([value], by=staff, radius=31)

    assert [(entry.bank.name, distance) for entry, distance in found] == [
        ("party", 0), ("second", 12),
    ]  # fmt: skip
    assert AuditEntry.objects.filter(event="hashes.banks_searched", actor=staff).count() == 1
