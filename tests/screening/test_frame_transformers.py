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


def test_an_object_detector_says_whether_it_found_one(tmp_path: Path) -> None:
    import torch
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    config = YolosConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        image_size=[32, 32], patch_size=16, num_detection_tokens=3,
        id2label={0: "face"}, label2id={"face": 0},
    )  # fmt: skip
    model = YolosForObjectDetection(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.class_labels_classifier.layers[-1].bias.copy_(torch.tensor([2.0, 0.0]))
    model.save_pretrained(tmp_path)
    YolosImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    (tmp_path / "screening.json").write_text(
        json.dumps({"kind": "detection", "labels": {"face": "likeness"}})
    )

    classifier = load_classifier(NAME, tmp_path)
    answers = classifier.score_frames([np.zeros((32, 32, 3), np.uint8)] * 2)

    assert classifier.categories == {Category.LIKENESS}
    assert [round(answer[0].value, 3) for answer in answers] == [0.881, 0.881]  # e^2 / (e^2 + 1)


def test_sentences_stand_for_categories_in_a_model_of_pictures_and_text(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        PreTrainedTokenizerFast,
    )

    small = {
        "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
    }  # fmt: skip
    words = {"<pad>": 0, "<end>": 1, "nude": 2, "landscape": 3, "a": 4, "<unk>": 5}
    config = CLIPConfig(
        text_config={**small, "vocab_size": 6, "max_position_embeddings": 8, "eos_token_id": 1,
                     "bos_token_id": 4, "pad_token_id": 0},
        vision_config={**small, "image_size": 16, "patch_size": 8},
        projection_dim=8,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(tmp_path)
    tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    processor = CLIPProcessor(
        CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        fast,
    )
    processor.save_pretrained(tmp_path)
    (tmp_path / "screening.json").write_text(
        json.dumps(
            {"kind": "zero_shot", "prompts": {"sexual": ["a nude"]}, "ordinary": ["a landscape"]}
        )
    )

    classifier = load_classifier(NAME, tmp_path)
    answers = classifier.score_frames([np.full((20, 30, 3), v, np.uint8) for v in (0, 255)])

    assert classifier.categories == {Category.SEXUAL}
    assert all(0.0 < answer[0].value < 1.0 for answer in answers)
