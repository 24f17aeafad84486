"""Arithmetic on sets of sequence numbers."""

from contracts.ranges import Ranges


def without(numbers: Ranges, taken: Ranges) -> Ranges:
    """Give the numbers that are in the first set and not in the second."""
    if not len(taken) or not len(numbers):
        return numbers
    return Ranges(
        (low, high) for one in numbers for low, high in taken.missing(one.first, one.last)
    )


def shared(numbers: Ranges, others: Ranges) -> Ranges:
    """Give the numbers that are in both sets."""
    few, many = (numbers, others) if len(numbers) < len(others) else (others, numbers)
    return Ranges((low, high) for one in few for low, high in many.within(one.first, one.last))
