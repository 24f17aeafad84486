"""What every process shares: back-off and the client of the broker."""
