"""Jobs while the services that judge them fail in every way: nothing unseen leaves, nothing is charged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as site

from accounts.models import User, Workspace
from benchmarks import faults
from generation.models import Generation, Video

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def double() -> Iterator[faults.Double]:
    double = faults.Double()
    yield double
    double.down()
    for area in ("media", "work"):
        shutil.rmtree(Path(site.SORA_STATE_DIR) / area, ignore_errors=True)


def test_no_fault_of_a_service_delivers_an_unscanned_clip(
    workspace: Workspace,
    alice: User,
    development_ca: None,
    double: faults.Double,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(site, "BILLING_PROVIDER", "off")
    with faults.set_up(tmp_path, double):
        outcome = faults.run_many(workspace, alice, double, runs=len(faults.MODES))

    assert outcome.runs == len(faults.MODES)
    assert outcome.unscanned_delivered == 0
    assert outcome.charged_without_clip == outcome.held_after == outcome.unfinished == 0
    for mode in faults.DELIVERS:
        assert outcome.by_mode[mode] == {"succeeded": 1}
    for mode in faults.NEVER_DELIVERS:
        assert outcome.by_mode[mode] == {"refused" if mode == "unsafe" else "failed": 1}, mode
    assert set(
        Generation.objects.filter(status="failed").values_list("reason_code", flat=True)
    ) == {"screening_unavailable"}
    assert Video.objects.count() == outcome.delivered
