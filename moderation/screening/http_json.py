"""One JSON request with a deadline for the whole of it. Every trouble is ScreeningUnavailable."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from moderation.screening.protocol import ScreeningUnavailable

MAX_ANSWER_BYTES = 1 << 20


def post_json(
    url: str, payload: dict[str, Any], *, key: str = "", timeout: float, name: str
) -> dict[str, Any]:
    """POST `payload` and return the answered object.

    timeout: seconds for connect, send and the complete answer together; a server that drips
        bytes doesn't prolong it. Redirects are not followed, so the key stays with its host.
    Raises ScreeningUnavailable (never naming the key or the text) for everything but a 200 with
    a JSON object of at most MAX_ANSWER_BYTES.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ScreeningUnavailable(f"{name}: the address must start with http:// or https://")
    maker = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = maker(parts.hostname, parts.port, timeout=timeout)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body = json.dumps(payload).encode()
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
        raise ScreeningUnavailable(f"{name} can't be reached: {type(failure[0]).__name__}")
    status, answer = result[0]
    if status != 200:
        raise ScreeningUnavailable(f"{name} answered {status}")
    if len(answer) > MAX_ANSWER_BYTES:
        raise ScreeningUnavailable(f"{name} answered more than {MAX_ANSWER_BYTES} bytes")
    try:
        data = json.loads(answer)
    except ValueError as error:
        raise ScreeningUnavailable(f"{name} answered no JSON") from error
    if not isinstance(data, dict):
        raise ScreeningUnavailable(f"{name} answered no object")
    return data
