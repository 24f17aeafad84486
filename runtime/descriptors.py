"""How many files and connections a process may have open at once."""

import resource


def allow_descriptors(wanted: int) -> str:
    """Raise the soft limit as far as the hard one lets; say what is missing, or ""."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return ""
    return (
        f"that takes {wanted} open files, and this process may have {hard}: raise its limit"
        " (LimitNOFILE= of its service, or ulimit -Hn)"
    )
