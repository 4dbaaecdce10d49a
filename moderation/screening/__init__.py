"""Is this allowed? Plain Python and numpy: no Django, no app of ours, no torch in the gate."""
