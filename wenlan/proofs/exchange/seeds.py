"""Which story goes wrong without which rule."""

SEEDS: dict[str, int] = {
    "doubt": 98,
    "doubt-not-durable": 8,
    "volatile-named": 5,
    "volatile-twice": 1483,
    "one-volatile": 80,
    "was": 8,
    "all-was": 8,
    "checksum": 10,
    "closing": 166,
    "witness": 12,
    "witness-written": 12,
    "life": 482,
    "refusal": 24,
    "named-twice": 79,
    "future": 101,
    "confirm": 1,
    "survivor-held": 8,
    "survivor-enters": 369,
    "given-up-comes": 670,
    "held-stays": 8,
    "oldest": 7,
    "unnamed": 6,
    "owner": 12,
    "own-edge": 14,
    "once": 1,
    "memory": 74,
    "layout": 18,
    "most-ranges": 8,
    "command-known-session": 163,
    "command-once": 7,
    "outcome-counts": 471,
}
"""By rule: found by search."""

NEEDS: dict[str, tuple[str, ...]] = {
    "doubt": ("sicken edge",),
    "volatile-twice": ("forge ack", "sicken edge"),
    "one-volatile": ("sicken edge",),
    "closing": ("copy journal",),
    "life": ("copy journal",),
    "named-twice": ("forge ack",),
    "later-batch": ("forge ack",),
    "future": ("forge ack",),
    "survivor-enters": ("burst", "cut"),
    "memory": ("sicken gateway",),
    "put-back": ("copy store", "sicken edge"),
    "salvage-checksum": ("bit flips",),
    "one-commit": ("burst", "kill edge soon"),
    "session": ("forge ack", "repeat", "kill edge"),
    "command-session": ("command", "copy journal", "repeat"),
    "command-known-session": ("command", "copy journal"),
}
"""By rule: steps without which it is never needed."""

UNCAUGHT: dict[str, str] = {
    "later-batch": "a forged ack must come twice while what it names is in no store and is not sent"
    " again within a second; an earlier form of these stories had such a seed",
    "session": "two acks of two earlier lives must name a row that no store has",
    "one-commit": "the kill must fall between two commits of one step of thinning; what is lost"
    " then is an event only if one lay in that slice",
    "salvage-checksum": "a row must be altered in a file that is damaged elsewhere too, before"
    " anybody has read it",
    "put-back": "nearly all that a store lacked when it was put back lies in holes of streams that"
    " it knows; the row by time is needed for a stream that it never met",
    "command-session": "the commands of a session are withdrawn as soon as presence names another;"
    " what is left is a command held up on its way to an edge that has lost its memory",
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
