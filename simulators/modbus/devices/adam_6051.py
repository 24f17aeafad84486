"""Advantech ADAM-6051 pulse counter module (ADAM-6000 user manual, appendix B, address mapping).

Fourteen channels. Counter n is holding 40001+2n (low word) and 40002+2n (high word), functions 03
and 04. Coils 00001+n are the inputs; per channel n 00033+4n is start/stop, +1 clear, +2 overflow,
+3 latch.
"""

from simulators.modbus.registers import Getter, Registers, Setter

CHANNELS = 14
_START, _CLEAR, _OVERFLOW, _LATCH = range(4)


class Counters:
    """The module's memory."""

    def __init__(self) -> None:
        self.values = [0] * CHANNELS
        self.levels = [0] * CHANNELS
        self.running = [1] * CHANNELS
        self.overflown = [0] * CHANNELS
        self.latched = [0] * CHANNELS

    def pulse(self, channel: int, pulses: int = 1) -> int:
        """Count pulses on a channel and give the counter's new value."""
        self.levels[channel] = 1
        self.latched[channel] = 1
        if self.running[channel]:
            value = self.values[channel] + pulses
            self.overflown[channel] |= int(value >= 2**32)
            self.values[channel] = value % 2**32
        return self.values[channel]

    def settle(self) -> None:
        """Let every input go low again."""
        self.levels = [0] * CHANNELS

    def clear(self, channel: int) -> None:
        """Set a counter to 0."""
        self.values[channel] = 0
        self.overflown[channel] = 0

    def control(self, channel: int, which: int, value: int) -> None:
        """Carry out a write to one of the four control coils of a channel."""
        if which == _START:
            self.running[channel] = value
        elif which == _CLEAR and value:
            self.clear(channel)
        elif which == _OVERFLOW and not value:
            self.overflown[channel] = 0
        elif which == _LATCH and not value:
            self.latched[channel] = 0

    def state(self, channel: int, which: int) -> int:
        """Read one of the four control coils of a channel; clear reads as 0."""
        memory = (self.running, [0] * CHANNELS, self.overflown, self.latched)
        return memory[which][channel]


def adam_6051(counters: Counters) -> Registers:
    """Give the register file of one module."""
    words: dict[int, Getter] = {}
    coils: dict[int, Getter] = {}
    writes: dict[int, Setter] = {}
    for channel in range(CHANNELS):
        words[2 * channel] = _Word(counters, channel, 0)
        words[2 * channel + 1] = _Word(counters, channel, 16)
        coils[channel] = _Level(counters, channel)
        for which in range(4):
            control = _Control(counters, channel, which)
            coils[32 + 4 * channel + which] = control.read
            writes[32 + 4 * channel + which] = control.write
    inputs = {channel: coils[channel] for channel in range(CHANNELS)}
    return Registers(
        holding=words,
        input=words,
        coils=coils,
        discrete=inputs,
        coil_writes=writes,
        product=("Advantech", "ADAM-6051", "5.0"),
    )


class _Word:
    """One half of a counter."""

    def __init__(self, counters: Counters, channel: int, shift: int) -> None:
        self._counters = counters
        self._channel = channel
        self._shift = shift

    def __call__(self) -> int:
        return self._counters.values[self._channel] >> self._shift & 0xFFFF


class _Level:
    """One input."""

    def __init__(self, counters: Counters, channel: int) -> None:
        self._counters = counters
        self._channel = channel

    def __call__(self) -> int:
        return self._counters.levels[self._channel]


class _Control:
    """One control coil."""

    def __init__(self, counters: Counters, channel: int, which: int) -> None:
        self._counters = counters
        self._channel = channel
        self._which = which

    def read(self) -> int:
        return self._counters.state(self._channel, self._which)

    def write(self, value: int) -> None:
        self._counters.control(self._channel, self._which, value)
