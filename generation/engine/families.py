"""What is known of each family of weights, by the pipeline class its folder names. No torch.

Folders in diffusers format come without our table (capabilities.json); this one stands in. Sizes are
multiples of 32 and lengths those the weights were trained for. `frame_step` and `size_step`: frames
and pixels of one latent, which clip lengths (step k + 1) and sides are rounded up to.
"""

from __future__ import annotations

from typing import Any

_EDITS = ["text", "image", "last_frame", "keyframes", "extend", "fill", "loop", "remix"]

LTX: dict[str, Any] = {
    "family": "ltx",
    "soft_conditions": True,
    "title": "LTX-Video",
    "operations": [*_EDITS, "blend", "storyboard", "negative_prompt"],
    "sizes": [[768, 512], [512, 768], [704, 704], [1216, 704], [704, 1216]],
    "seconds": [2, 5, 10],
    "fps": 24,
    "default_size": [768, 512],
    "default_seconds": 5,
    "default_steps": 30,
    "max_steps": 60,
    "guidance": 3.0,
    "draws_people": True,
    "seconds_per_megapixel_second": 1.0,
    "notes": "Open weights; licence and limits are those of the folder's own model card.",
    "frame_step": 8,
    "size_step": 32,
    "text_tokens": 256,
}

LTX2: dict[str, Any] = {
    **LTX,
    "family": "ltx2",
    "title": "LTX-2",
    # The text connectors take one prompt: a storyboard is drawn in one window per prompt.
    "operations": [*_EDITS, "blend", "negative_prompt"],
    "sizes": [[768, 512], [512, 768], [704, 704], [1280, 704], [704, 1280], [1920, 1088]],
    "seconds": [2, 5, 10, 15, 20],
    "default_steps": 40,
    "guidance": 4.0,
    "seconds_per_megapixel_second": 5.0,
    "notes": "Open weights; licence and limits are those of the folder's own model card. Clips are "
    "made without sound.",
    "text_tokens": 1024,
}

WAN_VACE: dict[str, Any] = {
    **LTX,
    "family": "wan_vace",
    "title": "Wan VACE",
    # One noise level for the whole clip and one prompt: no blend, and storyboards in windows.
    "operations": [*_EDITS, "negative_prompt"],
    "sizes": [[832, 480], [480, 832], [624, 624], [1280, 720], [720, 1280]],
    "seconds": [2, 3, 4, 5],
    "fps": 16,
    "default_size": [832, 480],
    "guidance": 5.0,
    "seconds_per_megapixel_second": 60.0,
    "soft_conditions": False,
    "frame_step": 4,
    "size_step": 16,
    "text_tokens": 512,
}

FAMILIES: dict[str, dict[str, Any]] = {
    "LTXConditionPipeline": LTX,
    "LTXPipeline": LTX,
    "LTXImageToVideoPipeline": LTX,
    "LTX2Pipeline": LTX2,
    "LTX2ImageToVideoPipeline": LTX2,
    "LTX2ConditionPipeline": LTX2,
    "WanVACEPipeline": WAN_VACE,
}
