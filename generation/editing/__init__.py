"""The editor without Django and torch: every tool compiles to one EditPlan, every engine gets it."""
