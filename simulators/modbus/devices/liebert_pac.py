"""Liebert precision air conditioner behind an IntelliSlot card (Modbus manual, table 31, C10).

Holding registers only, functions 03, 06 and 16; reference 40002 is address 1. Temperatures and
humidities x10. Set-points are written at 40349 (return temperature) and 40350 (humidity), and read
back at 40016 and 40017.
"""

from collections.abc import Callable

from simulators.building.air import Air
from simulators.building.air_conditioner import Conditioner, Rating, Setpoints, step, stopped
from simulators.building.vault import Plant
from simulators.modbus.registers import Code, Getter, RefusalError, Registers, Setter, word

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 50, 400
LOWEST_HUMIDITY, HIGHEST_HUMIDITY = 200, 800
"""x10, what the unit accepts as set-points."""
_AIRFLOW_LOSS = 6


class Liebert:
    """One unit: its control and what it tells."""

    def __init__(self, returned: Callable[[], Air], rating: Rating | None = None) -> None:
        self._returned = returned
        self._rating = rating or Rating()
        self.setpoints = Setpoints()
        self.unit = Conditioner()
        self.on = True
        self.tripped: Callable[[], bool] = lambda: False
        self.limits = [280, 120, 700, 300]
        """Alarm limits x10: high and low temperature, high and low humidity."""
        self.general_alarm = 0

    def run(self, seconds: float) -> Plant:
        """Work for some seconds; give what that does to the room."""
        returned = self._returned()
        if self.tripped() or not self.on:
            self.unit, plant = stopped(self.unit, returned, seconds)
        else:
            self.unit, plant = step(self._rating, self.unit, self.setpoints, returned, seconds)
        if self.alarms():
            self.general_alarm = 1
        return plant

    def alarms(self) -> int:
        """Give the bits of 40289: 2 high T, 3 low T, 4 high RH, 5 low RH, 6 no air flow."""
        returned = self._returned()
        high, low, damp, dry = (limit / 10 for limit in self.limits)
        conditions = {
            2: returned.temperature > high,
            3: returned.temperature < low,
            4: returned.humidity > damp,
            5: returned.humidity < dry,
            _AIRFLOW_LOSS: self.tripped(),
        }
        return sum(1 << bit for bit, present in conditions.items() if present)

    def set_temperature(self, value: int) -> None:
        """Take a set-point x10; raise RefusalError outside of what the unit accepts."""
        if not LOWEST_TEMPERATURE <= value <= HIGHEST_TEMPERATURE:
            raise RefusalError(Code.ILLEGAL_VALUE)
        self.setpoints = Setpoints(value / 10, self.setpoints.humidity)

    def set_humidity(self, value: int) -> None:
        """Take a set-point x10; raise RefusalError outside of what the unit accepts."""
        if not LOWEST_HUMIDITY <= value <= HIGHEST_HUMIDITY:
            raise RefusalError(Code.ILLEGAL_VALUE)
        self.setpoints = Setpoints(self.setpoints.temperature, value / 10)

    def switch(self, value: int) -> None:
        """Switch the unit on (1) or off (0)."""
        if value not in (0, 1):
            raise RefusalError(Code.ILLEGAL_VALUE)
        self.on = bool(value)

    def reset_alarm(self, value: int) -> None:
        """Reset the general alarm; the unit accepts 0 only."""
        if value != 0:
            raise RefusalError(Code.ILLEGAL_VALUE)
        self.general_alarm = 0

    def registers(self) -> Registers:
        references: dict[int, Getter] = {
            40002: lambda: word(10 * self._returned().temperature),
            40003: lambda: word(10 * self._returned().humidity),
            40004: lambda: word(10 * self.unit.supply),
            40006: lambda: int(self.on),
            40007: lambda: int(self.on and not self.tripped()),
            40008: lambda: int(self.unit.cooling > 0),
            40009: lambda: int(self.unit.cooling > 60),
            40010: lambda: int(self.unit.heating > 2),
            40011: lambda: int(self.unit.heating > 60),
            40012: lambda: int(self.unit.humidifying > 0),
            40013: lambda: int(self.unit.drying),
            40014: lambda: word(self.unit.cooling),
            40016: lambda: word(10 * self.setpoints.temperature),
            40017: lambda: word(10 * self.setpoints.humidity),
            40022: lambda: self.general_alarm,
            40289: self.alarms,
            40290: lambda: 0,
            40349: lambda: word(10 * self.setpoints.temperature),
            40350: lambda: word(10 * self.setpoints.humidity),
        }
        writes: dict[int, Setter] = {
            40006: self.switch,
            40022: self.reset_alarm,
            40349: self.set_temperature,
            40350: self.set_humidity,
        }
        for place in range(4):
            limit = _Limit(self, place)
            references[40025 + place] = limit.read
            writes[40025 + place] = limit.write
        return Registers(
            holding={reference - 40001: getter for reference, getter in references.items()},
            holding_writes={reference - 40001: setter for reference, setter in writes.items()},
            product=("Liebert", "IntelliSlot Unity", "1.0"),
        )


class _Limit:
    """One alarm limit."""

    def __init__(self, unit: Liebert, place: int) -> None:
        self._unit = unit
        self._place = place

    def read(self) -> int:
        return self._unit.limits[self._place]

    def write(self, value: int) -> None:
        self._unit.limits[self._place] = value
