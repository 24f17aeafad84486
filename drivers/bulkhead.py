"""Every entry into a driver: a bug in it costs its own point, command or turn, never the edge."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from drivers.errors import DriverBugError, DriverError

P = ParamSpec("P")
T = TypeVar("T")


async def guarded(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a driver. Raises DriverError; DriverBugError for whatever else it raises.

    A cancellation that it swallowed is raised all the same: `asyncio.wait_for` of Python 3.11, on
    which client libraries stand, loses one that comes together with the answer (CPython 86296).
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        return await call(*args, **kwargs)
    except DriverError:
        raise
    except Exception as error:
        raise bug(call, error) from error
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def decoded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Decode something of a device. Raises DriverBugError for whatever is raised."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        raise bug(call, error) from error


def bug(call: Callable[..., Any], error: Exception) -> DriverBugError:
    """Say where a driver has a bug."""
    where = getattr(call, "__qualname__", None) or type(call).__name__
    return DriverBugError(f"driver bug in {where}, report it: {error!r}")
