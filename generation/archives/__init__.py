"""A workspace as one file, and back: asking for it, its shape, writing it, reading it."""
