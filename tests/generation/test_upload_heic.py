"""HEIC pictures, as phones write them: read in the confined process, upright, in our own form."""

from __future__ import annotations

import numpy as np
import pytest

from accounts.models import User, Workspace
from sora_site.lib import storage
from tests.generation.heic import heic
from tests.generation.uploading import checked, drawing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _signs(development_ca: None) -> None:
    """Reading credentials needs the site's roots."""


def test_a_heic_becomes_our_own_png_upright(workspace: Workspace, alice: User) -> None:
    picture = np.asarray(drawing(640, 360))
    flat = checked(workspace, heic(picture), name="IMG_1.HEIC")
    assert (flat.status, flat.kind, flat.width, flat.height) == ("ready", "image", 640, 360)
    turned = checked(workspace, heic(picture, turned=1), name="IMG_2.HEIC")
    assert (turned.width, turned.height) == (360, 640)
    stored = storage.local_path(flat.media_key)
    assert stored is not None and stored.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("cut", [40, 300, 0.5, 0.9])
def test_a_cut_heic_is_refused(workspace: Workspace, alice: User, cut: float) -> None:
    data = heic(np.asarray(drawing(640, 360)))
    part = data[: cut if isinstance(cut, int) else int(len(data) * cut)]
    upload = checked(workspace, part, name="cut.heic")
    assert (upload.status, upload.reason_code) == ("refused", "unreadable")


def test_a_heic_that_claims_to_be_huge_is_refused(workspace: Workspace, alice: User) -> None:
    data = heic(np.asarray(drawing(640, 360)))
    size = (640).to_bytes(4, "big") + (360).to_bytes(4, "big")
    huge = data.replace(size, (60_000).to_bytes(4, "big") * 2)
    assert huge != data
    upload = checked(workspace, huge, name="huge.heic")
    assert upload.status == "refused"
    assert upload.reason_code in ("too_large", "unreadable")
