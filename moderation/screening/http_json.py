"""One request with a deadline for the whole of it, answered in JSON. Every trouble is
ScreeningUnavailable."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from moderation.screening.protocol import ScreeningUnavailable

MAX_ANSWER_BYTES = 1 << 20
PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers that may be another one a moment later."""
PAUSE_SECONDS = 0.2


class _Passing(ScreeningUnavailable):
    """Worth a second try within the deadline."""


def post_json(
    url: str,
    payload: dict[str, Any],
    *,
    key: str = "",
    timeout: float,
    name: str,
    tries: int = 1,
) -> dict[str, Any]:
    """POST `payload` and return the answered object. Raises as `post` does."""
    return post(
        url,
        json.dumps(payload).encode(),
        kind="application/json",
        key=key,
        timeout=timeout,
        name=name,
        tries=tries,
    )


def post(
    url: str,
    body: bytes,
    *,
    kind: str,
    key: str = "",
    timeout: float,
    name: str,
    tries: int = 1,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """POST `body` of the media type `kind` and return the answered object.

    timeout: seconds for all tries together, connect, send and the complete answer; a server that
        drips bytes doesn't prolong it. tries: how often a refused connection or an answer that may
        pass (429, 5xx) is asked again. Redirects are not followed, so the key stays with its host.
    Raises ScreeningUnavailable (never naming the key or what was sent) for everything but a 200 with
    a JSON object of at most MAX_ANSWER_BYTES.
    """
    until = time.monotonic() + timeout
    for left in reversed(range(tries)):
        try:
            return _once(
                url, body, kind, key, max(0.05, until - time.monotonic()), name, dict(headers or {})
            )
        except _Passing:
            if not left or time.monotonic() + PAUSE_SECONDS >= until:
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("tries is at least 1")


def _once(
    url: str,
    body: bytes,
    kind: str,
    key: str,
    timeout: float,
    name: str,
    headers: dict[str, str],
) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ScreeningUnavailable(f"{name}: the address must start with http:// or https://")
    maker = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = maker(parts.hostname, parts.port, timeout=timeout)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers |= {"Content-Type": kind, "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    result: list[tuple[int, bytes]] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            connection.request("POST", path or "/", body=body, headers=headers)
            response = connection.getresponse()
            result.append((response.status, response.read(MAX_ANSWER_BYTES + 1)))
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True, name=f"{name}-request")
    thread.start()
    thread.join(timeout)
    late = thread.is_alive()
    if late and connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, which then ends
        except OSError:
            pass
    if not late:
        connection.close()
    if late:
        raise ScreeningUnavailable(f"{name} did not answer within {timeout:g} s")
    if failure:
        raise _Passing(f"{name} can't be reached: {type(failure[0]).__name__}")
    status, answer = result[0]
    if status != 200:
        kind_of_trouble = _Passing if status in PASSING else ScreeningUnavailable
        raise kind_of_trouble(f"{name} answered {status}")
    if len(answer) > MAX_ANSWER_BYTES:
        raise ScreeningUnavailable(f"{name} answered more than {MAX_ANSWER_BYTES} bytes")
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ScreeningUnavailable(f"{name} answered no JSON") from error
    if not isinstance(data, dict):
        raise ScreeningUnavailable(f"{name} answered no object")
    return data
