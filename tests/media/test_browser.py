"""A signed clip plays and seeks in a real browser that asks for ranges."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from generation.provenance.c2pa import ManifestClaim, load_signer, sign_file
from generation.provenance.development_ca import ensure_development_ca

PLAY = """
async (url) => {
  const video = document.createElement("video");
  video.muted = true;
  video.src = url;
  const seen = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, {once: true});
    video.addEventListener("error", () => reject(video.error.message), {once: true});
    setTimeout(() => reject("no " + name), 25000);
  });
  await seen("loadedmetadata");
  const result = {duration: video.duration, size: [video.videoWidth, video.videoHeight], colours: []};
  for (const time of [2.52, 0.52]) {
    video.currentTime = time;
    await seen("seeked");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = result.size;
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const data = context.getImageData(0, 0, ...result.size).data;
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) for (const c of [0, 1, 2]) sums[c] += data[i + c];
    result.colours.push(sums.map((sum) => sum / (data.length / 4)));
  }
  await video.play();
  await seen("timeupdate");
  result.played = video.currentTime;
  return result;
}
"""


@pytest.fixture
def served(tmp_path: Path, clip: Path) -> Iterator[tuple[str, list[str]]]:
    """(address of a server with the signed clip, the Range headers it received)."""
    ensure_development_ca(tmp_path / "ca", "Browser test")
    signer = load_signer(development_ca=tmp_path / "ca")
    claim = ManifestClaim("clip", "m", "1", "s", "1", "j", False, dt.datetime.now(dt.UTC))
    sign_file(clip, tmp_path / "clip.mp4", claim, identity=signer)
    data, ranges = (tmp_path / "clip.mp4").read_bytes(), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != "/clip.mp4":
                self._answer(200, "text/html", b"<html></html>")
                return
            wanted = self.headers.get("Range") or "bytes=0-"
            ranges.append(wanted)
            first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted).groups()
            start, end = int(first), int(last) if last else len(data) - 1
            self.content_range = f"bytes {start}-{end}/{len(data)}"
            self._answer(206, "video/mp4", data[start : end + 1])

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", self.content_range)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                pass  # the browser hangs up on ranges it no longer wants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", ranges
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_a_signed_clip_plays_and_seeks_in_chromium(served, frames):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("NO CHROMIUM FOUND: playback in a browser was not tested")
    from playwright.sync_api import sync_playwright

    address, ranges = served
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        result = page.evaluate(PLAY, f"{address}/clip.mp4")
        browser.close()

    assert result["duration"] == pytest.approx(3.0, abs=0.01)
    assert result["size"] == [320, 192]
    for colour, second in zip(result["colours"], (2.5, 0.5)):
        expected = frames[round(second * 24)].mean((0, 1))
        assert np.abs(np.array(colour) - expected).max() < 5
    assert result["played"] > 0.5
    assert ranges
