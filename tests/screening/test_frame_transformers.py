"""The local-folder image classifier, with a tiny model made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from moderation.screening.panel import FrameReview, load_classifier
from moderation.screening.protocol import Category, ScreeningUnavailable

pytest.importorskip("torch")
NAME = "moderation.screening.frame_transformers.FrameTransformers"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vision transformer that calls bright pictures "nsfw" and dark ones "normal"."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    folder = tmp_path_factory.mktemp("model")
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        image_size=16, patch_size=8, num_channels=3,
        id2label={0: "normal", 1: "nsfw"}, label2id={"normal": 0, "nsfw": 1},
    )  # fmt: skip
    model = ViTForImageClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.vit.layernorm.weight.fill_(0.0)
        model.vit.layernorm.bias.fill_(1.0)
        model.classifier.bias.copy_(torch.tensor([0.0, 3.0]))
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    (folder / "screening.json").write_text(json.dumps({"labels": {"nsfw": "sexual"}}))
    return folder


def test_a_folder_becomes_a_classifier_by_its_dotted_name(folder: Path) -> None:
    classifier = load_classifier(NAME, folder)
    frames = [np.full((30, 50, 3), level, np.uint8) for level in (0, 255)]

    answers = classifier.score_frames(frames)

    assert classifier.categories == {Category.SEXUAL}
    assert [round(answer[0].value, 3) for answer in answers] == [0.953, 0.953]


def test_the_review_refuses_what_it_sees(folder: Path) -> None:
    review = FrameReview(draws_people=True, classifier=load_classifier(NAME, folder, crops=True))
    for index in range(4):
        frame = np.zeros((30, 50, 3), np.uint8)
        frame[:, index * 10 : index * 10 + 10] = 200
        review.add(index, index / 24, frame)

    assert review.verdict().reasons == ("sexual",)


@pytest.mark.parametrize(
    ("labels", "message"),
    [({}, "no label"), ({"nsfw": "rude"}, "rude"), ({"gore": "violence_gore"}, "no label gore")],
)
def test_a_map_that_does_not_fit_the_model_is_an_outage(
    folder: Path, labels: dict[str, str], message: str
) -> None:
    with pytest.raises(ScreeningUnavailable, match=message):
        load_classifier(NAME, folder, labels=labels, crops=False)


def test_a_missing_folder_or_map_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(ScreeningUnavailable, match=r"screening\.json"):
        load_classifier(NAME, tmp_path)
    with pytest.raises(ScreeningUnavailable, match="can't be loaded"):
        load_classifier(NAME, tmp_path, labels={"nsfw": "sexual"}, crops=False)
