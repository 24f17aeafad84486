"""The rules of the exchange, each with what is left of the code without it.

A proof that cannot fail proves nothing: with one of these left out, some story must be judged
false (`docs/reference/exchange.md` has the seeds).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from edge.commands import inbox
from edge.commands.inbox import Inbox
from edge.journal import disk, opening, salvage, shrinking, volatile
from edge.journal.disk import Disk
from edge.journal.journal import Journal
from edge.uplink.naming import Naming
from gateway.commands import outcomes, requests
from gateway.commands.pending import PendingCommands
from gateway.engine.writer import Writer
from gateway.ingest import sequence_ledger
from gateway.ingest.records import Records
from gateway.ingest.sequence_ledger import SequenceLedger
from gateway.ingest.stamps import Stamps
from gateway.ingest.stream import Stream
from wenlan.proofs.exchange import without_exchange as exchange
from wenlan.proofs.exchange import without_journal as journal
from wenlan.proofs.exchange.without_journal import Patch


class Rule(NamedTuple):
    """One rule."""

    text: str
    without: Callable[[], list[Patch]]


RULES: dict[str, Rule] = {
    "doubt": Rule(
        "a group whose commit failed is in doubt: it is written again only if the reopened file"
        " shows that it is not there",
        journal.doubt_is_gone,
    ),
    "doubt-not-durable": Rule(
        "a group in doubt is not durable until the reopened file shows that it is there",
        journal.doubt_is_done,
    ),
    "doubt-unread": Rule(
        "nothing is read for sending while a group is in doubt",
        journal.judged_late,
    ),
    "volatile-named": Rule(
        "a record of the stream in memory is durable when the gateway named it, not before",
        journal.durable_in_memory,
    ),
    "volatile-twice": Rule(
        "a record of the stream in memory stays there until it was named twice",
        journal.volatile_named_once,
    ),
    "one-volatile": Rule(
        "a second stream in memory begins only when the first has drained", journal.second_volatile
    ),
    "volatile-ended": Rule(
        "when the disk is back, a record in the own stream says how the one in memory ended",
        journal.no_end,
    ),
    "was": Rule(
        "a survivor of thinning says what it was",
        lambda: [(shrinking, "moved", journal.was), (volatile, "moved", journal.was)],
    ),
    "all-was": Rule(
        "a survivor says all that it was",
        lambda: [(shrinking, "moved", journal.last_was), (volatile, "moved", journal.last_was)],
    ),
    "most-was": Rule(
        "a survivor that had 32 numbers is not moved again: it is given up, an event stays",
        lambda: [(shrinking, "moved", journal.later_was), (volatile, "moved", journal.later_was)],
    ),
    "one-commit": Rule(
        "what survives is written in the commit that deletes what it was", journal.split_replace
    ),
    "checksum": Rule("a row whose checksum is wrong is never sent", journal.unchecked),
    "salvage-checksum": Rule(
        "of a damaged file, rows are carried over whose checksum is right",
        lambda: [(salvage, "_right", lambda *_: True)],
    ),
    "rotten-declared": Rule(
        "a row that rots is deleted with a notice",
        lambda: [(shrinking, "drop_rotten", journal.drop_silently)],
    ),
    "closing": Rule("a file that is left is closed by a record", journal.no_closing),
    "witness": Rule(
        "a file behind its witness, or another one's, is left at the start",
        lambda: [(opening, "objection", lambda *_: "")],
    ),
    "witness-written": Rule(
        "the witness follows each group", lambda: [(Disk, "_witness", journal.nothing)]
    ),
    "directory": Rule(
        "what rows cannot be told without stands beside the journal a second time",
        lambda: [(disk, "write_directory", journal.nothing)],
    ),
    "life": Rule("each start of the edge is a life of its own", journal.one_life),
    "rows-of-a-life": Rule("a batch holds rows of one life, and names that", journal.lives_as_one),
    "not-own": Rule(
        "a stream born in this life is never left on a refusal",
        lambda: [(Journal, "refuse", journal.refuse_at_once)],
    ),
    "refusal": Rule(
        "rows that are refused come again under new numbers",
        lambda: [(Journal, "refuse", journal.nothing)],
    ),
    "named-twice": Rule("a row is deleted when it was named twice", exchange.named_once),
    "later-batch": Rule(
        "the second ack counts when its batch was sent after the first came", exchange.any_second
    ),
    "session": Rule("an ack of another session is counted only", exchange.any_session),
    "future": Rule("an ack for a batch not yet sent is counted only", exchange.any_k),
    "ack-of-a-life": Rule(
        "an ack names no number that another life owns", exchange.ack_of_all_lives
    ),
    "confirm": Rule(
        "when only rows named once are left, the newest is sent again",
        lambda: [(Naming, "to_confirm", lambda _: 0)],
    ),
    "survivor-held": Rule(
        "a survivor that the store has under any number is a duplicate", exchange.survivor_is_new
    ),
    "survivor-enters": Rule(
        "all that a survivor was is entered as held", exchange.enter_known_only
    ),
    "held-stays": Rule("what is held is not given up by a notice", exchange.notice_gives_up_held),
    "given-up-comes": Rule(
        "what was given up and comes after all is taken", exchange.given_up_is_refused
    ),
    "oldest": Rule(
        "numbers below the oldest that the edge holds are settled",
        lambda: [(Stream, "settle", journal.nothing)],
    ),
    "unnamed": Rule(
        "a stream that presence names no more is not awaited",
        lambda: [(SequenceLedger, "named", journal.nothing)],
    ),
    "owner": Rule("a life owns its numbers; those of another are refused", exchange.any_life),
    "own-edge": Rule("nobody speaks for another edge's stream", exchange.anybody_speaks),
    "once": Rule("a number that is held is not stored again", exchange.held_is_stored_again),
    "memory": Rule(
        "when a transaction fails, the gateway's memory of the store is dropped",
        lambda: [(Writer, "forget", journal.nothing)],
    ),
    "put-back": Rule(
        "a store put back says the time that it lacks",
        lambda: [(Stamps, "lost", journal.nothing)],
    ),
    "layout": Rule(
        "a sample whose layout has not come is neither stored nor acknowledged",
        lambda: [(Records, "absent", lambda *_: frozenset())],
    ),
    "most-ranges": Rule(
        "an ack has at most 65 ranges", lambda: [(sequence_ledger, "MOST_RANGES", 10**6)]
    ),
    "command-session": Rule(
        "a command names the session it is for, and another leaves it alone",
        lambda: [(Inbox, "take", exchange.take_any)],
    ),
    "command-known-session": Rule(
        "no command is taken for an edge whose session is not known",
        lambda: [(requests, "_session_of", lambda *_: "")],
    ),
    "command-durable": Rule(
        "a command is durable before it is begun", lambda: [(inbox, "written", exchange.at_once)]
    ),
    "command-once": Rule(
        "a command that is known begins nothing", lambda: [(Inbox, "take", exchange.take_again)]
    ),
    "unknown-ends": Rule(
        "what became unknown is not sent again",
        lambda: [(PendingCommands, "present", journal.nothing)],
    ),
    "outcome-counts": Rule(
        "a real outcome takes the place of unknown",
        lambda: [(outcomes, "_RANKS", {"sent": 0, "unknown": 2, "reverted": 3})],
    ),
    "answered-again": Rule(
        "a command that comes again after it was done is answered again",
        lambda: [(Inbox, "_answer_again", journal.nothing)],
    ),
}


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Leave a rule out; raise KeyError when there is none of that name."""
    if not name:
        yield
        return
    if name not in RULES:
        raise KeyError(f"no rule {name}; there are {', '.join(RULES)}")
    with ExitStack() as undo:
        for owner, attribute, instead in RULES[name].without():
            before = vars(owner)[attribute]
            undo.callback(setattr, owner, attribute, before)
            setattr(owner, attribute, instead)
        yield
