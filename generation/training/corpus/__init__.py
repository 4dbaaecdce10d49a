"""From footage to something one may train on: who may use it, is it any good, is it safe, what does it show.

    python -m generation.training.corpus build SOURCE --out FOLDER

`manifest` says what is known of every clip, `scenes` cuts files at their cuts, `filters` and `safety`
judge what is left, `dedup` finds copies, `recaption` asks a vision model, `clips` reads pixels,
`build` runs them in that order and writes the manifest and a report. Nothing is dropped silently:
a clip that is left out stays in the manifest with its reason.
"""
