"""The front door: websockets to Channels, /static/ and media files to Starlette, the rest to Django."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sora_site.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()  # before anything that needs the app registry

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.contrib.staticfiles import finders
from starlette.responses import FileResponse, PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from generation.routing import websocket_urlpatterns

PROTECTED = "/protected/"  # what views put before a storage key in X-Accel-Redirect
SMALL_BODY_BYTES = 2 * 1024 * 1024
BODY_SECONDS = 60.0  # for the whole body of a request, however slowly it is sent
SLOWEST_BYTES_PER_SECOND = 350_000  # of a large file: 200 MB get ten minutes
_HASHED_NAME = re.compile(r"\.[0-9a-f]{12}\.[^./]+$")


class Static:
    """/static/: collected files under hashed names, kept by browsers for a year; else found in place."""

    def __init__(self) -> None:
        self.hashed = "Hashed" in settings.STORAGES["staticfiles"]["BACKEND"]
        self.collected = StaticFiles(directory=settings.STATIC_ROOT, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"][len(settings.STATIC_URL) :]
        if scope["method"] not in {"GET", "HEAD"}:
            await PlainTextResponse("Method Not Allowed", 405)(scope, receive, send)
            return

        async def with_cache_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                forever = self.hashed and _HASHED_NAME.search(path)
                value = b"public, max-age=31536000, immutable" if forever else b"no-cache"
                message["headers"] = [
                    *message["headers"],
                    (b"cache-control", value),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        if self.hashed:
            inner = dict(scope, path="/" + path, root_path="")
            try:
                await self.collected(inner, receive, with_cache_header)
            except Exception as error:
                if getattr(error, "status_code", None) not in {404, 405}:
                    raise
                await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        found = finders.find(path) if ".." not in path else None
        if isinstance(found, str) and os.path.isfile(found):
            await FileResponse(found)(scope, receive, with_cache_header)
        else:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)


class DeliverMedia:
    """Does what nginx does with X-Accel-Redirect: a view authorises, the file goes out from here.

    Range, If-Range, HEAD and ETag come from Starlette. Only files below the media folder's `private`
    area are served, whatever the header says; the header itself never reaches the client.
    """

    HEADER = b"x-accel-redirect"
    KEPT = {b"content-type", b"content-disposition", b"cache-control", b"x-request-id"}

    def __init__(self, app: ASGIApp, root: Path) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        redirected: Path | None = None
        kept: dict[str, str] = {}

        async def watch(message: Message) -> None:
            nonlocal redirected, kept
            if message["type"] == "http.response.start":
                # Django sends names in the case they were written in.
                headers = {name.lower(): value for name, value in message.get("headers", ())}
                target = headers.get(self.HEADER)
                if target is not None:
                    redirected = self.resolve(target.decode("latin-1"))
                    kept = {
                        name.decode(): value.decode("latin-1")
                        for name, value in headers.items()
                        if name in self.KEPT or name.startswith((b"x-content", b"content-security"))
                    }
                    return
            elif redirected is not None:
                return
            await send(message)

        await self.app(scope, receive, watch)
        if redirected is not None:
            await self.deliver(redirected, kept, scope, receive, send)

    def resolve(self, target: str) -> Path:
        """The file an internal address stands for; a path that never exists when it isn't allowed."""
        path = (self.root / target.removeprefix(PROTECTED)).resolve()
        allowed = target.startswith(PROTECTED) and path.is_relative_to(self.root.resolve())
        return path if allowed else self.root / "-"

    async def deliver(
        self, path: Path, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not path.is_file():
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        kind = headers.pop("content-type", "application/octet-stream")
        response = FileResponse(path, headers=headers, media_type=kind)
        await response(scope, receive, send)


class LimitBodies:
    """Answers 413 to a body that is too big and 408 to one that is sent too slowly.

    The limit holds for what really arrives, not for what Content-Length promises.
    """

    def __init__(self, app: ASGIApp, *, limit_of: Callable[[str], int]) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.limit_of(scope["path"])
        promised = dict(scope["headers"]).get(b"content-length", b"0")
        if not promised.isdigit() or int(promised) > limit:
            await _refuse(413, "too_large", f"A request may have {limit} bytes.", scope, send)
            return
        seconds = BODY_SECONDS + (limit - SMALL_BODY_BYTES) / SLOWEST_BYTES_PER_SECOND
        deadline = asyncio.get_running_loop().time() + seconds
        received, started, complete, refused = 0, False, False, False

        async def limited() -> Message:
            nonlocal received, complete, refused
            if complete or refused:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                refused = True
                await refuse_now(408, "too_slow", "The request's body was sent too slowly.")
                return {"type": "http.disconnect"}
            received += len(message.get("body", b""))
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            if received > limit:
                refused = True
                await refuse_now(413, "too_large", f"A request may have {limit} bytes.")
                return {"type": "http.disconnect"}
            return message

        async def refuse_now(status: int, code: str, message: str) -> None:
            if not started:
                await _refuse(status, code, message, scope, send)

        async def watched(message: Message) -> None:
            nonlocal started
            if refused:
                return  # the answer was given
            started = True
            await send(message)

        await self.app(scope, limited, watched)


async def _refuse(status: int, code: str, message: str, scope: Scope, send: Send) -> None:
    """The error body every refusal has, without loading Django's view machinery."""
    import json

    from sora_site.lib.errors import error_body

    body = json.dumps(error_body(code, message)).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _most_bytes(path: str) -> int:
    """The few addresses a file may be sent to take more than a form."""
    if path.rstrip("/") in {"/api/v1/verify", "/verify"}:
        return settings.SORA_MAX_UPLOAD_BYTES
    if path.startswith("/api/v1/workspaces/") and path.rstrip("/").endswith("/imports"):
        return settings.SORA_MAX_ARCHIVE_BYTES + SMALL_BODY_BYTES
    if path.startswith("/api/v1/uploads/"):
        return settings.UPLOAD_CHUNK_BYTES + SMALL_BODY_BYTES
    return SMALL_BODY_BYTES


class Http:
    """One HTTP request to the part that answers it."""

    def __init__(self) -> None:
        self.static = Static()
        application: ASGIApp = _django
        if settings.MEDIA_DELIVERY == "internal":
            application = DeliverMedia(application, Path(settings.SORA_MEDIA_ROOT) / "private")
        self.django = LimitBodies(application, limit_of=_most_bytes)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        is_static = scope["path"].startswith(settings.STATIC_URL)
        await (self.static if is_static else self.django)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": Http(),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
