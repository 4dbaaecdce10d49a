"""How well a model folder follows its prompts, and how good its pictures are.

    judges.py     small networks that read from a clip what it shows, trained on drawings
    measures.py   one function a measure, all through the engine
    table.py      all of them for one folder: `evaluate(model_dir, clips=500).table`
    golden.py     what fixed prompts and seeds give, to notice any change
    sheets.py     pictures for the card          card.py   the table in the card
    pictures.py   PSNR, SSIM, flicker            intervals.py   how sure a figure is

`python -m generation.training.evaluate DIR [--clips N]`, or `manage.py evaluate_model`.
"""
