"""What can be wrong with a simulation."""

from collections.abc import Iterator


class SimulatorError(Exception):
    """A simulation cannot be set up or ordered as asked; says what, where and what to do."""


def refusals(group: BaseExceptionGroup[BaseException]) -> SimulatorError | None:
    """Give what refused to run among all that ended a group, as one error; None when nothing."""
    found = group.subgroup(SimulatorError)
    if found is None:
        return None
    return SimulatorError("; ".join(str(error) for error in _leaves(found)))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
