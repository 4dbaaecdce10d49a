"""What stands before Django: body limits, media delivery, static files, origin of websockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from sora_site import asgi

Scope = dict[str, Any]
App = Callable[..., Awaitable[None]]


def scope(path: str = "/api/v1/x/", method: str = "POST", **headers: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (name.replace("_", "-").lower().encode(), value.encode())
            for name, value in {"Host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(app: App, request: Scope, *bodies: bytes, end: bool = True) -> Answer:
    """Send the parts of a body and collect the answer."""
    communicator = ApplicationCommunicator(app, request)
    for index, body in enumerate(bodies or (b"",)):
        more = not (end and index == len(bodies or (b"",)) - 1)
        await communicator.send_input({"type": "http.request", "body": body, "more_body": more})
    answer = Answer()
    while True:
        message = await communicator.receive_output(timeout=10)
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                await communicator.wait(timeout=10)
                return answer


async def read_everything(scope: Scope, receive: Any, send: Any) -> None:
    """An application that reads its whole body and says how long it was."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


limited = asgi.LimitBodies(
    read_everything,
    limit_of=lambda path: (
        settings.SORA_MAX_UPLOAD_BYTES if path == "/verify/" else asgi.SMALL_BODY_BYTES
    ),
)


async def test_an_ordinary_body_passes() -> None:
    answer = await ask(limited, scope(), b"a" * 1000, b"b" * 1000)

    assert (answer.status, answer.body) == (200, b"2000")


async def test_a_body_that_promises_too_much_is_refused_unread() -> None:
    answer = await ask(limited, scope(Content_Length="10000000"), b"")

    assert answer.status == 413
    assert answer.json["error"]["code"] == "too_large"


async def test_a_body_that_promises_nothing_and_sends_too_much_is_refused() -> None:
    answer = await ask(limited, scope(), *[b"x" * 1_000_000] * 3)

    assert answer.status == 413


@pytest.mark.parametrize("length", ["-1", "ten", ""])
async def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    answer = await ask(limited, scope(Content_Length=length), b"")

    assert answer.status == 413


async def test_files_may_be_larger_where_files_are_taken() -> None:
    answer = await ask(limited, scope("/verify/"), *[b"x" * 1_000_000] * 3)

    assert (answer.status, answer.body) == (200, b"3000000")


async def test_a_body_sent_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.2)

    answer = await asyncio.wait_for(ask(limited, scope(), b"half", end=False), 5)

    assert answer.status == 408
    assert answer.json["error"]["code"] == "too_slow"


# --- media -----------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "private" / "7" / "clip.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(range(256)) * 4)
    (tmp_path / "secret").write_text("not for anybody")
    return path


def delivering(root: Path, target: str) -> asgi.DeliverMedia:
    """Behind it, a view that authorises the request and names the file."""

    async def view(scope: Scope, receive: Any, send: Any) -> None:
        headers = [
            (b"content-type", b"video/mp4"),
            (b"x-accel-redirect", target.encode()),
            (b"cache-control", b"private, max-age=600"),
            (b"set-cookie", b"stays=inside"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"for nginx only"})

    return asgi.DeliverMedia(view, root / "private")


async def test_a_part_of_a_clip_can_be_asked_for(tmp_path: Path, clip: Path) -> None:
    app = delivering(tmp_path, "/protected/7/clip.mp4")

    answer = await ask(app, scope("/media/t/c.mp4", "GET", Range="bytes=256-259"))

    assert answer.status == 206
    assert answer.body == bytes([0, 1, 2, 3])
    assert answer.headers["content-range"] == "bytes 256-259/1024"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["cache-control"] == "private, max-age=600"


async def test_a_part_beyond_the_end_is_416(tmp_path: Path, clip: Path) -> None:
    app = delivering(tmp_path, "/protected/7/clip.mp4")

    answer = await ask(app, scope("/media/t/c.mp4", "GET", Range="bytes=5000-"))

    assert answer.status == 416


async def test_the_internal_address_never_leaves(tmp_path: Path, clip: Path) -> None:
    answer = await ask(delivering(tmp_path, "/protected/7/clip.mp4"), scope("/m", "GET"))

    assert answer.status == 200
    assert len(answer.body) == 1024
    assert not {"x-accel-redirect", "set-cookie"} & set(answer.headers)
    assert str(tmp_path) not in str(answer.headers)


@pytest.mark.parametrize(
    "target",
    [
        "/protected/../secret",
        "/protected//etc/passwd",
        "/etc/passwd",
        "/protected/7",
        "/protected/",
    ],
)
async def test_only_files_below_the_private_area_go_out(
    tmp_path: Path, clip: Path, target: str
) -> None:
    answer = await ask(delivering(tmp_path, target), scope("/m", "GET"))

    assert answer.status == 404
    assert b"root:" not in answer.body


async def test_a_link_out_of_the_area_is_not_followed(tmp_path: Path, clip: Path) -> None:
    clip.with_name("link.mp4").symlink_to(tmp_path / "secret")

    answer = await ask(delivering(tmp_path, "/protected/7/link.mp4"), scope("/m", "GET"))

    assert answer.status == 404


# --- static ------------------------------------------------------------------------------------


async def test_static_files_are_found_in_place_during_development() -> None:
    missing = await ask(asgi.Static(), scope("/static/../manage.py", "GET"))

    assert missing.status == 404
    css = await ask(asgi.Static(), scope("/static/css/site.css", "GET"))
    assert (css.status, css.headers["cache-control"]) == (200, "no-cache")


async def test_static_files_can_only_be_read() -> None:
    assert (await ask(asgi.Static(), scope("/static/css/site.css", "DELETE"))).status == 405


# --- websockets ------------------------------------------------------------------------------


async def test_a_websocket_from_another_site_is_refused() -> None:
    handshake = scope("/ws/workspaces/1/", Origin="https://evil.example") | {
        "type": "websocket",
        "subprotocols": [],
    }
    communicator = ApplicationCommunicator(asgi.application, handshake)
    await communicator.send_input({"type": "websocket.connect"})

    assert (await communicator.receive_output(timeout=10))["type"] == "websocket.close"
