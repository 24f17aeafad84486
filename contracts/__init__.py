"""What edge and gateway say to each other. No I/O, no clock."""
