"""`wenlan model`: random stories of one edge and its gateway, each judged against plain sets."""

import argparse

from wenlan.proofs.exchange import campaign
from wenlan.proofs.exchange.rules import RULES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("--runs", type=int, default=1000, help="how many stories")
    parser.add_argument("--seed", type=int, default=1, help="of the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes that tell them")
    parser.add_argument(
        "--without", default="", metavar="RULE", help=f"leave out one of: {', '.join(RULES)}"
    )
    parser.add_argument("--story", type=int, metavar="SEED", help="tell one story, step by step")


def run(options: argparse.Namespace) -> int:
    """Tell the stories; 1 when one of them was judged false."""
    if options.story is not None:
        (outcome,) = campaign.tell_all([options.story], options.without)
        print("\n".join([*outcome.told, *outcome.failures]))
        print("judged false" if outcome.failures else "judged true")
        return int(bool(outcome.failures))
    report = campaign.run(options.seed, options.runs, options.jobs, options.without)
    print(report)
    return int(bool(report.failures))
