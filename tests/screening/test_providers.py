"""External services over a real local HTTP server: what goes wrong closes the panel."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from moderation.screening.frame_http import FrameHttp
from moderation.screening.frame_matcher import FrameMatcher
from moderation.screening.panel import FrameReview, review_prompt
from moderation.screening.protocol import Category, Score, ScreeningUnavailable
from moderation.screening.text_http import TextHttp

NAMES = (
    "sexual", "sexual/minors", "violence", "violence/graphic", "self-harm", "self-harm/intent",
    "self-harm/instructions", "hate", "hate/threatening", "harassment", "harassment/threatening",
    "illicit", "illicit/violent",
)  # fmt: skip
Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


class Service:
    """A moderation service on a free port; `answer` decides how it behaves."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answer: Answer = lambda handler, body: reply(handler, {})
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                picture = self.headers["Content-Type"] == "image/jpeg"
                body = {"jpeg": sent} if picture else json.loads(sent)
                service.requests.append(body)
                service.keys.append(self.headers.get("Authorization", ""))
                service.answer(self, body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/moderations"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, scores: dict[str, float], *, status: int = 200) -> None:
    values = {name: scores.get(name, 0.01) for name in NAMES}
    flags = {name: value > 0.9 for name, value in values.items()}
    result = {"flagged": any(flags.values()), "categories": flags, "category_scores": values}
    send(
        handler, json.dumps({"id": "m", "model": "x", "results": [result]}).encode(), status=status
    )


def send(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    try:
        handler.wfile.write(body)
    except OSError:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def _review(service: Service, text: str = "a lamp on a table", timeout: float = 2.0):  # type: ignore[no-untyped-def]
    provider = TextHttp(service.url, key="secret", timeout=timeout)
    return review_prompt(text, classifiers=[], providers=[provider])


def test_a_calm_answer_allows_and_is_listed(service: Service) -> None:
    verdict = _review(service)

    assert verdict.action == "allow"
    assert "text_http omni-moderation-latest" in verdict.evaluated
    assert service.requests[0]["input"] == "a lamp on a table"
    assert service.keys == ["Bearer secret"]


@pytest.mark.parametrize(
    ("name", "value", "action", "reason"),
    [
        ("sexual", 0.95, "refuse", "sexual"),
        ("sexual/minors", 0.6, "refuse", "sexual_minors"),
        ("violence/graphic", 0.5, "guard", "violence_gore"),
        ("self-harm/instructions", 0.8, "refuse", "self_harm"),
        ("illicit/violent", 0.8, "refuse", "dangerous"),
    ],
)
def test_its_scores_count_like_our_own(
    service: Service, name: str, value: float, action: str, reason: str
) -> None:
    service.answer = lambda handler, body: reply(handler, {name: value})

    verdict = _review(service)

    assert (verdict.action, verdict.reasons) == (action, (reason,))


def _drip(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


def _cut(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"results": [')
    handler.close_connection = True


def _without(name: str) -> Answer:
    values = {n: 0.01 for n in NAMES if n != name}
    body = json.dumps({"results": [{"category_scores": values, "categories": {}}]}).encode()
    return lambda handler, _: send(handler, body)


def _scores_of(value: object) -> Answer:
    values = dict.fromkeys(NAMES, value)
    body = json.dumps({"results": [{"category_scores": values}]}).encode()
    return lambda handler, _: send(handler, body)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda h, b: send(h, b"busy", status=503), id="503"),
        pytest.param(lambda h, b: send(h, b"", status=429), id="429"),
        pytest.param(lambda h, b: send(h, b"no", status=401), id="401"),
        pytest.param(lambda h, b: reply(h, {}, status=302), id="redirect"),
        pytest.param(lambda h, b: send(h, b"<html>hello"), id="no JSON"),
        pytest.param(lambda h, b: send(h, b"[]"), id="a list"),
        pytest.param(lambda h, b: send(h, b"{}"), id="no results"),
        pytest.param(lambda h, b: send(h, b'{"results": []}'), id="empty results"),
        pytest.param(lambda h, b: send(h, b'{"results": [{}]}'), id="no scores"),
        pytest.param(lambda h, b: send(h, b" " * 2_000_000), id="too large"),
        pytest.param(_without("sexual"), id="a category is missing"),
        pytest.param(_scores_of(None), id="null scores"),
        pytest.param(_scores_of("0.1"), id="scores are texts"),
        pytest.param(_scores_of(7), id="scores out of range"),
        pytest.param(_scores_of(float("nan")), id="scores are NaN"),
        pytest.param(_drip, id="drips"),
        pytest.param(_cut, id="cut off"),
        pytest.param(lambda h, b: time.sleep(1.2), id="silent"),
    ],
)
def test_a_service_in_trouble_closes_the_panel(service: Service, answer: Answer) -> None:
    service.answer = answer
    started = time.monotonic()

    with pytest.raises(ScreeningUnavailable) as caught:
        _review(service, timeout=0.6)

    assert time.monotonic() - started < 3
    assert "secret" not in str(caught.value)
    assert "lamp" not in str(caught.value)


def test_a_service_that_is_not_there_closes_the_panel(service: Service) -> None:
    service.close()

    with pytest.raises(ScreeningUnavailable):
        _review(service)


def test_an_address_that_is_none_closes_the_panel() -> None:
    for url in ("", "ftp://127.0.0.1/x", "/v1/moderations", "file:///etc/passwd"):
        with pytest.raises(ScreeningUnavailable):
            TextHttp(url).score("a lamp")


def test_frames_are_judged_by_a_service_as_small_pictures(service: Service) -> None:
    classifier = FrameHttp(service.url, key="secret", timeout=3)
    review = FrameReview(draws_people=True, classifier=classifier)
    gradient = np.tile(np.arange(200, dtype=np.uint8), (900, 8))
    frame = np.repeat(gradient[..., None], 3, axis=2)
    service.answer = lambda handler, body: reply(handler, {"violence/graphic": 0.97})
    for index in range(3):
        review.add(index, index / 24, np.roll(frame, index * 20, axis=1))

    verdict = review.verdict()

    assert (verdict.action, verdict.reasons) == ("refuse", ("violence_gore",))
    part = service.requests[0]["input"][0]
    assert part["type"] == "image_url"
    assert part["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert len(part["image_url"]["url"]) < 400_000


def test_a_frame_service_in_trouble_closes_the_review(service: Service) -> None:
    service.answer = lambda handler, body: send(handler, b"", status=500)
    review = FrameReview(draws_people=True, classifier=FrameHttp(service.url, timeout=1))
    review.add(0, 0.0, np.zeros((20, 20, 3), np.uint8))

    with pytest.raises(ScreeningUnavailable):
        review.verdict()


def test_the_provider_names_what_it_cannot_see() -> None:
    assert Category.SEXUAL_MINORS in TextHttp.categories
    assert Category.SEXUAL_MINORS not in FrameHttp.categories
    assert all(isinstance(s, Score) for s in [Score(Category.HATE, 0.1, "x")])


def test_an_answer_that_passes_is_asked_once_more_and_a_refusal_is_not(service: Service) -> None:
    def flapping(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if len(service.requests) % 2:
            send(handler, b"busy", status=503)
        else:
            reply(handler, {})

    service.answer = flapping
    assert _review(service).action == "allow"
    assert len(service.requests) == 2

    service.answer = lambda handler, body: send(handler, b"no", status=401)
    with pytest.raises(ScreeningUnavailable, match="401"):
        _review(service)
    assert len(service.requests) == 3


def test_scores_for_what_the_interface_cannot_see_in_pictures_are_not_read(
    service: Service,
) -> None:
    service.answer = lambda handler, body: reply(handler, {"hate": 0.99, "sexual/minors": 0.99})

    (scores,) = FrameHttp(service.url, timeout=2).score_frames([np.zeros((20, 20, 3), np.uint8)])

    assert {score.category for score in scores} == FrameHttp.categories
    assert max(score.value for score in scores) < 0.1


def test_a_model_that_never_looked_at_the_picture_closes_the_check(service: Service) -> None:
    def blind(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        result = {
            "category_scores": dict.fromkeys(NAMES, 0.0),
            "category_applied_input_types": {name: ["text"] for name in NAMES},
        }
        send(handler, json.dumps({"results": [result]}).encode())

    service.answer = blind
    with pytest.raises(ScreeningUnavailable, match="did not look"):
        FrameHttp(service.url, timeout=2).score_frames([np.zeros((20, 20, 3), np.uint8)])


def test_categories_an_older_model_leaves_null_are_left_out(service: Service) -> None:
    def older(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        values = dict.fromkeys(NAMES, 0.02) | {"illicit": None, "illicit/violent": None}
        result = {"category_scores": values, "categories": {"illicit": None}}
        send(handler, json.dumps({"results": [result]}).encode())

    service.answer = older
    scores = TextHttp(service.url, timeout=2).score("a lamp")

    assert Category.ILLEGAL not in {score.category for score in scores}
    assert Category.SEXUAL in {score.category for score in scores}


# --- The matcher -------------------------------------------------------------------------------------

GREY = np.full((40, 60, 3), 120, np.uint8)


def matched(kinds: list[str], *, csam: object = 0.01) -> Answer:
    hashes = [
        {"hashType": "saferhashv0", "matchTypes": [kind], "matches": [{"matchDistance": 3}]}
        for kind in kinds
    ]
    body = {"hashes": hashes, "classifierPrediction": {"csam": csam, "sexual": 0.2, "other": 0.8}}
    return lambda handler, _: send(handler, json.dumps(body).encode())


def test_a_matcher_is_sent_a_jpeg_and_its_predictions_become_scores(service: Service) -> None:
    service.answer = matched([])

    (scores,) = FrameMatcher(service.url, key="secret", timeout=2).score_frames([GREY])

    assert service.requests[0]["jpeg"].startswith(b"\xff\xd8")
    assert service.keys == ["Bearer secret"]
    assert {s.category: s.value for s in scores} == {
        Category.KNOWN_CONTENT: 0.0,
        Category.SEXUAL_MINORS: 0.01,
        Category.SEXUAL: 0.2,
    }


@pytest.mark.parametrize(
    ("kind", "reason", "confirmed"),
    [("CSAM", "known_content", True), ("SE", "sexual_minors", False)],
)
def test_a_match_refuses_with_the_weight_of_its_kind(
    service: Service, kind: str, reason: str, confirmed: bool
) -> None:
    service.answer = matched([kind])
    review = FrameReview(draws_people=True, classifier=FrameMatcher(service.url, timeout=3))
    for index in range(3):
        review.add(index, index / 24, np.roll(GREY, index, axis=1))

    verdict = review.verdict()

    assert (verdict.action, verdict.reasons[0]) == ("refuse", reason)
    known = [s for s in verdict.scores if s.source == "known_hashes" and s.value == 1.0]
    assert bool(known) is confirmed


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda h, b: send(h, b"{}"), id="no hashes"),
        pytest.param(lambda h, b: send(h, b'{"hashes": {}}'), id="hashes are no list"),
        pytest.param(lambda h, b: send(h, b'{"hashes": [7]}'), id="a hash is a number"),
        pytest.param(lambda h, b: send(h, b'{"hashes": []}'), id="no predictions"),
        pytest.param(matched([], csam="high"), id="a prediction is a word"),
        pytest.param(matched([], csam=float("nan")), id="a prediction is NaN"),
        pytest.param(matched([], csam=3), id="a prediction out of range"),
        pytest.param(lambda h, b: send(h, b"", status=500), id="500"),
        pytest.param(_cut, id="cut off"),
        pytest.param(lambda h, b: send(h, b"[" * 500_000), id="deep"),
    ],
)
def test_a_matcher_in_trouble_closes_the_check(service: Service, answer: Answer) -> None:
    service.answer = answer

    with pytest.raises(ScreeningUnavailable):
        FrameMatcher(service.url, timeout=0.6).score_frames([GREY])
