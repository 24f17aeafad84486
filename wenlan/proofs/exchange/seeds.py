"""Which story goes wrong without which rule."""

SEEDS: dict[str, int] = {
    "doubt": 62,
    "doubt-not-durable": 38,
    "volatile-named": 37,
    "volatile-twice": 1483,
    "one-volatile": 242,
    "was": 8,
    "all-was": 26,
    "most-was": 67,
    "one-commit": 38,
    "checksum": 10,
    "salvage-checksum": 273,
    "closing": 166,
    "witness": 193,
    "witness-written": 100,
    "rows-of-a-life": 5,
    "life": 129,
    "refusal": 129,
    "named-twice": 145,
    "later-batch": 183,
    "session": 25,
    "future": 79,
    "confirm": 1,
    "survivor-held": 8,
    "survivor-enters": 256,
    "held-stays": 26,
    "given-up-comes": 793,
    "oldest": 9,
    "unnamed": 6,
    "owner": 12,
    "own-edge": 14,
    "once": 1,
    "memory": 74,
    "put-back": 54,
    "layout": 19,
    "most-ranges": 26,
    "command-session": 114,
    "command-known-session": 168,
    "command-once": 56,
    "outcome-counts": 95,
}
"""By rule: found by search."""

NEEDS: dict[str, tuple[str, ...]] = {
    "doubt": ("sicken edge",),
    "volatile-twice": ("forge ack", "sicken edge"),
    "one-volatile": ("sicken edge",),
    "closing": ("copy journal",),
    "life": ("copy journal",),
    "named-twice": ("forge ack",),
    "later-batch": ("forged ack twice",),
    "future": ("forge ack",),
    "survivor-enters": ("burst", "cut"),
    "memory": ("sicken gateway",),
    "put-back": ("store without the stream",),
    "salvage-checksum": ("rot in a damaged file",),
    "directory": ("rot in a damaged file",),
    "one-commit": ("kill while thinning",),
    "most-was": ("thinning again and again",),
    "session": ("forged ack of an earlier life",),
    "command-session": ("late command",),
    "rows-of-a-life": ("kill edge",),
    "command-known-session": ("command", "copy journal"),
}
"""By rule: steps without which it is never needed."""

UNCAUGHT: dict[str, str] = {
    "doubt-unread": "what is read meanwhile is on disk; only the notice of a row that rots under a"
    " sick disk could take the number by which the group is looked for",
    "volatile-ended": "what a kill takes from memory was promised to nobody: the record says how"
    " much that was, and without it the end stays open",
    "directory": "rows are lost that it would have saved, and are declared; the tests of salvage"
    " count them",
    "rotten-declared": "the number is settled all the same; the notice gives cause and time",
    "not-own": "the edge leaves a stream for nothing, and loses nothing",
    "ack-of-a-life": "the same ack refuses the life, whose rows get other numbers before any of"
    " them is deleted; and the edge believes an ack for the rows of one life only",
    "command-durable": "what began and was not remembered is not begun again, because the command"
    " names a session that is over",
    "unknown-ends": "the session that it names is over, and another leaves it alone: it is sent in"
    " vain until it expires",
    "answered-again": "a command whose outcome was lost becomes `unknown`, which is allowed",
}
"""By rule: why no story was found that needs it."""
