"""The robots of a site, each on its broker, and how they fail by order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from config.broker import Broker
from config.links import Robot, Vda5050
from config.site import Site
from contracts.instants import Instant
from runtime.mqtt.client import Io
from simulators.faults import Fault, Faults, What
from simulators.ground_truth import Ledger
from simulators.robots.robot import RobotModel, RobotSimulator

ROBOT_PACE = 4.0
"""Times faster than a real one: a delivery takes a quarter of a minute, not a whole one."""
FOR_GOOD = 1e6
"""Seconds."""


@dataclass(frozen=True, slots=True)
class SimulatedRobot:
    """One robot, under the id that its site gives it."""

    device: str
    simulator: RobotSimulator

    def fail(self, fault: Fault) -> None:
        """Begin to fail in one way."""
        seconds = None if fault.until is None else (fault.until - fault.since) / 1e6
        match fault.what:
            case What.SILENT:
                self.simulator.go_silent(FOR_GOOD if seconds is None else seconds)
            case What.EMERGENCY_STOP:
                self.simulator.emergency_stop(seconds)
            case What.FAIL_ACTION:
                self.simulator.fail_next_action()
            case What.REBOOT:
                self.simulator.reboot()

    def recover(self, fault: Fault) -> None:
        """End a fault before its time."""
        if fault.what is What.SILENT:
            self.simulator.go_silent(0)
        elif fault.what is What.EMERGENCY_STOP:
            self.simulator.resume()


def robots(
    site: Site,
    ledger: Ledger,
    faults: Faults,
    now: Callable[[], Instant],
    io: Callable[[Broker], Io],
    token: Callable[[], str],
) -> list[SimulatedRobot]:
    """Make every robot of a site; a site without stations has nowhere to put them.

    `io` gives the world to a client of some brokers, `token` a part of a client id.
    """
    stations = {station.id: (station.x, station.y) for station in site.fleet.stations}
    if not stations:
        return []
    dock = next((name for name in stations if "dock" in name), next(iter(stations)))
    made = []
    for edge in site.edges:
        for link in edge.links:
            if not isinstance(link, Vda5050):
                continue
            for robot in link.devices:
                model = _model(link, robot, stations, dock, site.fleet.map)
                one = SimulatedRobot(
                    robot.id, RobotSimulator(model, ledger, now, io(link.broker), token())
                )
                ways = {What.SILENT, What.EMERGENCY_STOP, What.FAIL_ACTION, What.REBOOT}
                faults.admit(robot.id, ways, one.fail, one.recover)
                made.append(one)
    return made


def _model(
    link: Vda5050,
    robot: Robot,
    stations: dict[str, tuple[float, float]],
    dock: str,
    map_id: str,
) -> RobotModel:
    return RobotModel(
        broker=link.broker,
        interface=link.interface,
        manufacturer=robot.manufacturer,
        serial=robot.serial,
        stations=stations,
        dock=dock,
        map_id=map_id,
        pace=ROBOT_PACE,
    )


async def run_robots(fleet: list[SimulatedRobot]) -> None:
    """Run all robots until cancelled; one that fails ends them all."""
    async with asyncio.TaskGroup() as group:
        for one in fleet:
            group.create_task(one.simulator.run(), name=f"robot {one.device}")


def under_way(fleet: list[SimulatedRobot]) -> list[str]:
    """Name the robots that are in the middle of an order."""
    return [one.device for one in fleet if one.simulator.busy]
