"""What the apps above do when somebody leaves. They register in their AppConfig.ready, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User

# Each is called inside the transaction of delete_account, while the person is still known.
leaving: list[Callable[[User], None]] = []

# Each says whether something of its own keeps an account closed: then the end of a suspension doesn't
# open it (accounts.restrictions).
account_holds: list[Callable[[User], bool]] = []
