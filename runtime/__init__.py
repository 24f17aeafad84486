"""What every process shares: clock, database, small files, back-off, the way to the broker."""
