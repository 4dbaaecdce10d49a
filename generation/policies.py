"""Which screening policy decides now: the shipped one, or the version staff switched on last.

Every process asks the database for the latest activation (one indexed row) before it decides, so a
change counts from the next decision on, everywhere. Reading a version costs once per process.
"""

from __future__ import annotations

from functools import lru_cache

from generation import hooks
from generation.models import PolicyActivation, PolicyVersion
from moderation.screening.policy import Policy, PolicyProblem, default_policy
from moderation.screening.protocol import ScreeningUnavailable


def active_policy(workspace: int | None = None) -> Policy:
    """The policy that decides now; for a workspace that a roll-out has reached, the coming one.

    Raises ScreeningUnavailable when the stored version can't be used with this release: nothing is
    decided by a policy nobody chose.
    """
    if workspace is not None:
        for rollout in hooks.policy_rollouts:
            if (coming := rollout(workspace)) is not None:
                return _usable(coming)
    latest = PolicyActivation.objects.order_by("-pk").values_list("version", flat=True).first()
    return default_policy() if latest is None else _usable(latest)


def _usable(pk: int) -> Policy:
    try:
        return _stored(pk)
    except PolicyProblem as error:
        raise ScreeningUnavailable(
            f"The active policy version can't be used: {error} Switch on another in the console."
        ) from error


def policy_of(version: PolicyVersion) -> Policy:
    """A stored version as a policy. Raises PolicyProblem when it breaks a bound of this release."""
    return Policy.from_json(version.document)


@lru_cache(maxsize=8)
def _stored(pk: int) -> Policy:
    return policy_of(PolicyVersion.objects.get(pk=pk))
