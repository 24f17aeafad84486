"""What can be wrong with a simulation."""


class SimulatorError(Exception):
    """A simulation cannot be set up or ordered as asked; says what, where and what to do."""
