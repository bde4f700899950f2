"""The names of the evaluation protocols, apart from the code that splits by them: plans are kept under these names."""

from __future__ import annotations

from enum import StrEnum


class EvaluationProtocol(StrEnum):
    """What is hidden, and what is to be found."""

    LEAVE_LAST_OUT = "leave-last-out"  # the last newly met product of each user with five or more
    NEXT_BASKET = "next-basket"  # all products of each user's last shopping day, with repeats
    TEMPORAL = "temporal"  # products new to the user in the last fifth of the time
    COLD_USERS = "cold-users"  # the next five products of users of whom only the first three are known
    NEW_ITEMS = "new-items"  # products first met in the last fifth of the time, ranked among themselves

    @property
    def repeats(self) -> bool:
        """Whether products that the user has met before may be found again."""
        return self is EvaluationProtocol.NEXT_BASKET
