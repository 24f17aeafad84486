"""What a process may use: open files, and how often the collector looks at what lives for ever."""

import gc
import resource

COLLECTOR = (50_000, 20, 100)
"""Thresholds of the collector: what is built at the start is frozen, little of the rest is kept."""


def allow_descriptors(wanted: int) -> str:
    """Raise the soft limit of open files as far as it goes; say what is missing, or ""."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return ""
    return (
        f"that takes {wanted} open files, and this process may have {hard}: raise its limit"
        " (LimitNOFILE= of its service, or ulimit -Hn)"
    )


def settle_collector() -> None:
    """Let the collector leave alone what was built so far and lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
