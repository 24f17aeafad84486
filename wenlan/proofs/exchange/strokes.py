"""What happens in a story: work, messages that go astray, kills and sick disks."""

from random import Random

from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.exchange import edge_process
from wenlan.proofs.exchange.brokers import Chances
from wenlan.proofs.exchange.world import World


async def read(story: World) -> None:
    """Measure a few times."""
    if story.edge.ready:
        for _ in range(story.dice.randint(1, 5)):
            story.count += 1
            story.edge.append(f"s{story.count}", edge_process.reading(story.edge, story.count))


async def burst(story: World) -> None:
    """Measure often: budgets and memories fill."""
    if story.edge.ready:
        for _ in range(story.dice.randint(20, 60)):
            story.count += 1
            story.edge.append(f"s{story.count}", edge_process.reading(story.edge, story.count))


async def event(story: World) -> None:
    """Have something happen."""
    if story.edge.ready:
        story.count += 1
        name = f"e{story.count}"
        story.account.events.add(name)
        story.edge.append(name, edge_process.event(story.edge, name))


async def command(story: World) -> None:
    if story.gateway.ready:
        story.gateway.ask()


async def wait(_: World) -> None:
    """Do nothing: time passes behind every stroke."""


async def unsettle(story: World) -> None:
    """Lose, double and hold up messages from now on."""
    share = story.dice.choice((0.1, 0.3, 0.6))
    story.network.chances = Chances(*(share * story.dice.random() for _ in range(3)))


async def settle(story: World) -> None:
    story.network.chances = Chances()


async def cut(story: World) -> None:
    """Cut the edge off; it finds a broker again."""
    if story.edge.ready:
        story.edge.cut()


async def away(story: World) -> None:
    """Cut the edge off for some steps, or end the gateway for as long: a backlog grows."""
    if story.dice.random() < 0.5:
        await cut(story)
        story.edge_away = story.dice.randint(3, 12)
    else:
        story.gateway.machine.kill()
        story.gateway_away = story.dice.randint(3, 12)


async def move(story: World) -> None:
    """Go to the other broker, with or without a last will of the first."""
    broker = story.edge.broker
    if not story.edge.ready or broker is None:
        return
    retained = dict(broker.retained)
    story.edge.cut()
    if story.dice.random() < 0.5:
        broker.retained = retained  # it fell with the connection, and came back
    other = next(one for one in story.network.brokers if one is not broker)
    story.edge.connect(other)
    if story.gateway.ready and story.dice.random() < 0.5:
        broker.gateway = None  # it connects again, and is told what is retained


async def repeat(story: World) -> None:
    """Have messages come again that went by, maybe long ago."""
    seen = story.network.seen
    for _ in range(story.dice.randint(1, 3) if seen else 0):
        to, message = story.dice.choice(seen[-60:])
        story.network.inject(story.dice.choice(story.network.brokers), to, message)


async def kill_edge(story: World) -> None:
    story.look()
    story.edge.machine.kill()


async def kill_edge_soon(story: World) -> None:
    """Kill it between two of its next writes."""
    if story.edge.machine.alive:
        story.edge.machine.kill_in(story.dice.randint(1, 25))


async def kill_gateway(story: World) -> None:
    story.gateway.machine.kill()


async def kill_gateway_soon(story: World) -> None:
    if story.gateway.machine.alive:
        story.gateway.machine.kill_in(story.dice.randint(1, 40))


async def cut_power(story: World) -> None:
    story.look()
    story.edge.machine.kill(power=True)


def _sick(dice: Random) -> Faults:
    share = dice.choice((0.1, 0.5, 1.0))
    kind = dice.choice(("write", "sync", "both", "read"))
    return Faults(
        write_error=share if kind in ("write", "both") else 0.0,
        sync_error=share if kind in ("sync", "both") else 0.0,
        read_error=0.3 * share if kind == "read" else 0.0,
    )


async def sicken_edge(story: World) -> None:
    story.edge.machine.faults = _sick(story.dice)


async def sicken_gateway(story: World) -> None:
    story.gateway.machine.faults = _sick(story.dice)


async def fill_edge(story: World) -> None:
    story.edge.machine.faults = Faults(full=True)


async def heal(story: World) -> None:
    story.edge.machine.faults = Faults()
    story.gateway.machine.faults = Faults()
