"""Reading files of strangers, in a process of its own that can do nothing else.

`reader` starts it and speaks with it; `child` is it; `sandbox` takes its rights away; `normalise`
turns what came into our own form; `drawn` tells a flat drawing from a photograph.
"""
