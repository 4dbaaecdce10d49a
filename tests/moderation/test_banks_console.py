"""Staff pages about banks of known material."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import AuditEntry
from generation.provenance.fingerprint import hash_frames
from moderation import hash_banks
from moderation.models import HashBank, HashEntry
from tests.factories import make_user
from tests.screening.test_known_hashes import some_hash

pytestmark = pytest.mark.django_db
URL = "/console/banks/"


def fill(tmp_path: Path, values: list[bytes]) -> HashBank:
    path = tmp_path / "list.txt"
    path.write_text("\n".join([*(value.hex() for value in values), "nohash"]) + "\n")
    bank = hash_banks.open_bank("party", source="a partner", kind="block", harm="other")
    hash_banks.import_file(bank, path)
    return bank


def picture() -> np.ndarray:
    y, x = np.mgrid[0:180, 0:320]
    frame = np.stack([x * 255 // 320, y * 255 // 180, (x + y) % 256], axis=-1).astype(np.uint8)
    frame[40:90, 60:150] = (250, 40, 40)
    return frame


def test_the_pages_are_for_staff(console: Client) -> None:
    stranger = Client()
    stranger.force_login(make_user("charlie@example.com"))
    for url in (URL, f"{URL}party/"):
        assert stranger.get(url).status_code == 403
        assert Client().get(url).status_code == 302
    assert stranger.post(f"{URL}search/").status_code == 403
    assert stranger.post(f"{URL}entries/1/").status_code == 403


def test_an_empty_site_says_how_to_begin_and_a_filled_one_what_there_is(
    console: Client, tmp_path: Path
) -> None:
    assert "import_hashes" in console.get(URL).content.decode()
    fill(tmp_path, [some_hash(), some_hash()])

    page = console.get(URL).content.decode()
    assert "a partner" in page
    report = console.get(f"{URL}party/").content.decode()
    assert "2 added" in report
    assert "line 3: a PDQ hash has 64 hex digits" in report
    assert console.get(f"{URL}nothing/").status_code == 404


def test_a_bank_is_switched_off_with_a_reason_only(console: Client, tmp_path: Path) -> None:
    bank = fill(tmp_path, [some_hash()])

    assert console.post(f"{URL}party/", {"enabled": "off", "note": ""}).status_code == 400
    bank.refresh_from_db()
    assert bank.enabled
    assert console.post(f"{URL}party/", {"enabled": "off", "note": "a mistake"}).status_code == 302
    bank.refresh_from_db()
    assert not bank.enabled
    assert AuditEntry.objects.filter(event="hashes.bank_changed", data__note="a mistake").exists()


def test_a_quarantined_hash_is_confirmed_or_switched_off(console: Client, tmp_path: Path) -> None:
    fill(tmp_path, [some_hash()])
    entry = HashEntry.objects.get()
    hash_banks.quarantine(entry.pk, reason="test")
    assert "Quarantined" in console.get(URL).content.decode()

    console.post(f"{URL}entries/{entry.pk}/", {"status": "active", "note": ""})
    entry.refresh_from_db()
    assert entry.status == "quarantined"
    console.post(f"{URL}entries/{entry.pk}/", {"status": "active", "note": "looked at"})
    entry.refresh_from_db()
    assert (entry.status, entry.confirmed_at is not None) == ("active", True)


def test_staff_look_a_picture_up_and_nothing_of_it_is_kept(console: Client, tmp_path: Path) -> None:
    fill(tmp_path, [hash_frames([picture()])[0], some_hash()])
    buffer = io.BytesIO()
    Image.fromarray(picture()).resize((256, 144)).save(buffer, "JPEG", quality=80)
    sent = SimpleUploadedFile("x.jpg", buffer.getvalue(), "image/jpeg")

    page = console.post(f"{URL}search/", {"file": sent}).content.decode()

    assert "of 256 bits apart" in page
    assert AuditEntry.objects.filter(event="hashes.banks_searched", data__found=1).exists()
    nonsense = SimpleUploadedFile("x.jpg", b"nonsense", "image/jpeg")
    assert console.post(f"{URL}search/", {"file": nonsense}).status_code == 400
    assert console.post(f"{URL}search/").status_code == 400
