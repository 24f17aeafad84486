"""The limit of open files: raised as far as it goes, and what is missing is said."""

import resource

import pytest

from runtime.limits import allow_descriptors


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "said"),
    [
        (1024, 4096, 2000, ""),
        (4096, 4096, 4096, ""),
        (1024, resource.RLIM_INFINITY, 10**9, ""),
        (256, 1024, 1500, "takes 1500 open files, and this process may have 1024"),
    ],
)
def test_the_soft_limit_is_raised(
    soft: int, hard: int, wanted: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    assert said in allow_descriptors(wanted)
    assert bool(said) == bool(allow_descriptors(wanted))
    assert limits[-1] == (hard, hard)
