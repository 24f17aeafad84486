"""What every process shares: back-off and the connection to the broker."""
