"""MEDIA_BACKEND=s3: the same three areas and the same signed links on an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from django.test import Client
from moto.server import ThreadedMotoServer

from sora_site.lib import storage


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)  # servers of one process share buckets
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="clips")

    def area(name: str) -> dict[str, Any]:
        options = {
            "bucket_name": "clips",
            "endpoint_url": endpoint,
            "location": name,
            "signature_version": "s3v4",
        }
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}

    settings.MEDIA_BACKEND = "s3"
    settings.STORAGES = {
        **settings.STORAGES,
        "private": area("private"),
        "quarantine": area("quarantine"),
    }
    yield client
    server.stop()


def keys(client: Any) -> list[str]:
    return [row["Key"] for row in client.list_objects_v2(Bucket="clips").get("Contents", [])]


def test_a_stored_clip_is_reached_by_a_short_lived_link_with_ranges(
    bucket: Any, tmp_path: Path, client: Client
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"0123456789" * 100)
    storage.store_private(clip, "7/abc/clip.mp4")
    assert keys(bucket) == ["private/7/abc/clip.mp4"]

    answer = client.get(
        storage.signed_url("7/abc/clip.mp4", filename="clip-abc.mp4", download=True)
    )
    assert answer.status_code == 302
    assert "X-Amz-Expires" in answer["Location"]
    part = requests.get(answer["Location"], headers={"Range": "bytes=10-19"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"0123456789")
    assert "clip-abc.mp4" in part.headers["Content-Disposition"]


def test_a_takedown_moves_the_object_away_and_a_restore_brings_it_back(
    bucket: Any, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"video")
    storage.store_private(clip, "7/abc/clip.mp4")
    storage.quarantine("7/abc/clip.mp4")
    assert keys(bucket) == ["quarantine/7/abc/clip.mp4"]
    storage.restore("7/abc/clip.mp4")
    assert keys(bucket) == ["private/7/abc/clip.mp4"]
    storage.delete_private("7/abc/clip.mp4")
    assert keys(bucket) == []


def test_a_forged_link_reaches_nothing(bucket: Any, client: Client) -> None:
    assert client.get("/media/forged/clip.mp4").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_upload_comes_in_pieces_and_leaves_only_our_form_of_it(
    bucket: Any, workspace: Any, development_ca: None, settings: Any
) -> None:
    import numpy as np

    from generation.uploads import services as uploads
    from tests.generation.uploading import bring, checked, drawing, encoded

    settings.UPLOAD_CHUNK_BYTES = 1000
    data = encoded(drawing())
    waiting = bring(workspace, data, piece=1000)
    assert len(keys(bucket)) == -(-len(data) // 1000)
    assert all(key.startswith("quarantine/") for key in keys(bucket))
    uploads.trash_upload(waiting, by=workspace.owner)
    assert keys(bucket) == []

    upload = checked(workspace, data, piece=1000)
    assert upload.status == "ready"
    assert sorted(keys(bucket)) == sorted(
        f"private/{key}" for key in (upload.media_key, upload.poster_key)
    )
    (frame,) = uploads.load_frames(upload, width=640, height=360)
    assert np.array_equal(frame, np.asarray(drawing()))
