"""Train the embedded text-to-video model from clips this package draws itself.

The order of work, each step a module with a `main`, all driven by one TOML file from `runs/`:

    python -m generation.training.render    generation/training/runs/cpu.toml   # clips for the VAE
    python -m generation.training.train_vae generation/training/runs/cpu.toml   # pixels <-> latents
    python -m generation.training.cache     generation/training/runs/cpu.toml   # latents + text states
    python -m generation.training.train_dit generation/training/runs/cpu.toml   # text -> latents
    python -m generation.training.distill   generation/training/runs/cpu.toml   # the same in few steps
    python -m generation.training.export    generation/training/runs/cpu.toml DIR   # a diffusers folder
    python -m generation.training.evaluate  DIR                                 # figures of the card

`python -m generation.training.slices` does all of it in slices of ten minutes, `smoke` does it once at
a toy size. What every step shares: `config` reads the run file, `loop` is the loop, `checkpoint` its
state, `muon` the optimiser, `conditions` what of a clip is given. Read docs/training.md first. Nothing
here is imported by the product, and nothing here imports Django.
"""
