"""How long to wait before trying again."""

from collections.abc import Callable


def growing(failures: int, first: float, longest: float, dice: Callable[[], float]) -> float:
    """Double the pause with each failure in a row, up to `longest`; then take 50 to 100 % of it.

    `dice` gives a number from 0 to 1. The spread keeps many clients from coming back at once.
    """
    pause = min(first * 2.0 ** min(max(failures - 1, 0), 30), longest)
    return pause * (0.5 + 0.5 * dice())
